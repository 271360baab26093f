package dev.lowbit.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Optional;

/**
 * Zeroed memory for large matrices. On Linux it is mapped directly and advised to use huge pages before it is first touched:
 * a new 4 KiB page costs microseconds (12 to 15 were measured on a virtual machine: 0.1 s for 32 MiB, more than most kernels
 * need for them), and {@link Arena#allocate} touches each while zeroing what the system has zeroed already. Elsewhere, and for
 * small sizes, it is ordinary arena memory.
 */
public final class LargeMemory {
    private static final long HUGE_PAGE = 2L << 20;
    private static final long SMALLEST = HUGE_PAGE;
    private static final int PROT_READ_WRITE = 1 | 2;
    private static final int MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;
    private static final int MADV_HUGEPAGE = 14;
    private static final Optional<Calls> CALLS = Calls.lookup();

    private LargeMemory() {}

    /** {@code bytes} zeroed bytes, aligned to {@code alignment}, freed when {@code arena} closes. */
    public static MemorySegment allocate(long bytes, long alignment, Arena arena) {
        if (bytes < SMALLEST || CALLS.isEmpty()) {
            return arena.allocate(bytes, alignment);
        }
        return CALLS.get().map(bytes, arena).orElseGet(() -> arena.allocate(bytes, alignment));
    }

    /** mmap, madvise and munmap of the C library, with the constants of Linux. */
    private record Calls(MethodHandle mmap, MethodHandle madvise, MethodHandle munmap) {
        @SuppressWarnings("restricted")
        static Optional<Calls> lookup() {
            boolean linux64 = System.getProperty("os.name").equals("Linux")
                    && ValueLayout.ADDRESS.byteSize() == Long.BYTES
                    && LargeMemory.class.getModule().isNativeAccessEnabled();
            if (!linux64) {
                return Optional.empty();
            }
            Linker linker = Linker.nativeLinker();
            var names = linker.defaultLookup();
            var address = ValueLayout.ADDRESS;
            var size = ValueLayout.JAVA_LONG;
            var number = ValueLayout.JAVA_INT;
            return Optional.of(new Calls(
                    linker.downcallHandle(
                            names.findOrThrow("mmap"),
                            FunctionDescriptor.of(address, address, size, number, number, number, size)),
                    linker.downcallHandle(
                            names.findOrThrow("madvise"), FunctionDescriptor.of(number, address, size, number)),
                    linker.downcallHandle(names.findOrThrow("munmap"), FunctionDescriptor.of(number, address, size))));
        }

        /** A mapping whose used part begins at a huge page; empty when the system refuses. */
        @SuppressWarnings("restricted")
        Optional<MemorySegment> map(long bytes, Arena arena) {
            long whole = Math.addExact(bytes, HUGE_PAGE);
            try {
                MemorySegment start = (MemorySegment)
                        mmap.invokeExact(MemorySegment.NULL, whole, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0L);
                if (start.address() == -1) {
                    return Optional.empty();
                }
                MemorySegment mapping = start.reinterpret(whole, arena, s -> unmap(s, whole));
                long skip = -start.address() & HUGE_PAGE - 1;
                MemorySegment used = mapping.asSlice(skip, bytes);
                // whole pages only, so that the rest does not take one of its own; and only advice: where it is refused
                // the pages are small
                int ignored = (int) madvise.invokeExact(used, bytes & -HUGE_PAGE, MADV_HUGEPAGE);
                return Optional.of(used);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError("C functions throw nothing", e);
            }
        }

        private void unmap(MemorySegment start, long whole) {
            try {
                int ignored = (int) munmap.invokeExact(start, whole);
            } catch (RuntimeException | Error e) {
                throw e;
            } catch (Throwable e) {
                throw new AssertionError("C functions throw nothing", e);
            }
        }
    }
}
