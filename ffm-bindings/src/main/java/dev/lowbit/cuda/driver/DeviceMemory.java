package dev.lowbit.cuda.driver;

import java.lang.foreign.MemorySegment;

/** A range of device memory, freed by {@link #close}. Copies run on the device's stream, after all work given to it before. */
public final class DeviceMemory implements AutoCloseable {
    private final Allocation allocation;
    private final long address;
    private final long bytes;

    DeviceMemory(Cuda cuda, long address, long bytes) {
        this(new Allocation(cuda, address), address, bytes);
    }

    private DeviceMemory(Allocation allocation, long address, long bytes) {
        this.allocation = allocation;
        this.address = address;
        this.bytes = bytes;
    }

    private static final class Allocation extends DeviceResource {
        private final long address;

        Allocation(Cuda cuda, long address) {
            super(cuda, "this device memory");
            this.address = address;
        }

        @Override
        void free(Driver driver) {
            driver.memFree(address);
        }
    }

    /** Address in the device's memory, for {@link KernelArguments}; good until {@link #close}. */
    public long address() {
        return address;
    }

    public long bytes() {
        return bytes;
    }

    /** A part of this memory, which ends with it: closing either closes both. */
    public DeviceMemory slice(long offset, long length) {
        checkRange(offset, length);
        return new DeviceMemory(allocation, address + offset, length);
    }

    /** Copies all of {@code from} to the beginning; see {@link #write(long, MemorySegment)}. */
    public void write(MemorySegment from) {
        write(0, from);
    }

    /**
     * Copies host memory (off-heap, heap or a mapped file) to the device. On return {@code from} has been read; the copy itself is in the stream.
     *
     * @param offset in this memory, in bytes
     * @param from not modified
     */
    public void write(long offset, MemorySegment from) {
        checkRange(offset, from.byteSize());
        Cuda cuda = allocation.cuda;
        cuda.lock().lock();
        try {
            allocation.use();
            cuda.staging().write(from, address + offset);
        } finally {
            cuda.lock().unlock();
        }
    }

    /** Copies from the beginning until {@code to} is full; see {@link #read(long, MemorySegment)}. */
    public void read(MemorySegment to) {
        read(0, to);
    }

    /**
     * Waits for the stream's work and copies its result to host memory (off-heap or heap).
     *
     * @param offset in this memory, in bytes
     * @param to modified (overwritten)
     */
    public void read(long offset, MemorySegment to) {
        checkRange(offset, to.byteSize());
        Cuda cuda = allocation.cuda;
        cuda.lock().lock();
        try {
            allocation.use();
            cuda.staging().read(address + offset, to);
        } finally {
            cuda.lock().unlock();
        }
    }

    /**
     * Copies all of another memory of the same device to the beginning of this one, in the stream.
     *
     * @param from not modified
     */
    public void copyFrom(DeviceMemory from) {
        checkRange(0, from.bytes);
        Cuda cuda = allocation.cuda;
        cuda.lock().lock();
        try {
            allocation.use();
            from.allocation.use();
            cuda.check(
                    cuda.driver()
                            .memcpyDtoDAsync(
                                    address,
                                    from.address,
                                    from.bytes,
                                    cuda.stream().handle()),
                    "copying on the device");
        } finally {
            cuda.lock().unlock();
        }
    }

    /** Sets every byte to zero, in the stream. */
    public void clear() {
        Cuda cuda = allocation.cuda;
        cuda.lock().lock();
        try {
            allocation.use();
            cuda.check(
                    cuda.driver()
                            .memsetD8Async(
                                    address, (byte) 0, bytes, cuda.stream().handle()),
                    "clearing memory");
        } finally {
            cuda.lock().unlock();
        }
    }

    /** A second call does nothing. The driver waits for work that still uses the memory. */
    @Override
    public void close() {
        allocation.close();
    }

    private void checkRange(long offset, long length) {
        if (offset < 0 || length < 0 || offset > bytes - length) {
            throw new IndexOutOfBoundsException(
                    length + " bytes at " + offset + " do not lie in device memory of " + bytes + " bytes");
        }
    }
}
