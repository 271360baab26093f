package dev.lowbit.cuda.driver;

import java.lang.foreign.MemorySegment;

/**
 * Two page-locked buffers through which host memory and mapped files go to the device and results come back: while the device copies one, the CPU fills the
 * other. Made when they are first needed, freed with the device; used under its lock.
 */
final class Staging {
    /** Large enough that a copy's start does not count, small enough to stay in a cache on its way. */
    static final long BYTES = 4L << 20;

    private final Cuda cuda;
    private final PinnedMemory[] buffers = new PinnedMemory[2];
    private final Event[] copied = new Event[2];
    private int next;

    Staging(Cuda cuda) {
        this.cuda = cuda;
    }

    private void prepare() {
        if (buffers[1] == null) {
            for (int i = 0; i < buffers.length; i++) {
                copied[i] = cuda.event();
                buffers[i] = cuda.allocatePinned(BYTES);
            }
        }
    }

    /** Returns when {@code from} has been read. */
    void write(MemorySegment from, long to) {
        prepare();
        for (long done = 0; done < from.byteSize(); done += BYTES) {
            long length = Math.min(BYTES, from.byteSize() - done);
            MemorySegment buffer = buffers[next].segment();
            copied[next].synchronize();
            buffer.copyFrom(from.asSlice(done, length));
            cuda.check(
                    cuda.driver()
                            .memcpyHtoDAsync(
                                    to + done,
                                    buffer.address(),
                                    length,
                                    cuda.stream().handle()),
                    "copying to the device");
            copied[next].record();
            next = 1 - next;
        }
    }

    /** Returns when {@code to} is complete: the first copy out runs behind all work of the stream. */
    void read(long from, MemorySegment to) {
        prepare();
        long length = to.byteSize();
        long asked = Math.min(BYTES, length);
        if (asked > 0) {
            ask(from, asked);
        }
        for (long done = 0; done < length; ) {
            int full = 1 - next;
            long here = asked - done;
            if (asked < length) {
                long more = Math.min(BYTES, length - asked);
                ask(from + asked, more);
                asked += more;
            }
            copied[full].synchronize();
            MemorySegment.copy(buffers[full].segment(), 0, to, done, here);
            done += here;
        }
    }

    private void ask(long from, long length) {
        copied[next].synchronize();
        cuda.check(
                cuda.driver()
                        .memcpyDtoHAsync(
                                buffers[next].segment().address(),
                                from,
                                length,
                                cuda.stream().handle()),
                "copying from the device");
        copied[next].record();
        next = 1 - next;
    }
}
