package dev.lowbit.cuda.driver;

import java.lang.foreign.MemorySegment;

/** Page-locked host memory. */
public final class PinnedMemory extends DeviceResource {
    private final MemorySegment segment;

    @SuppressWarnings("restricted")
    PinnedMemory(Cuda cuda, long address, long bytes) {
        super(cuda, "this page-locked memory");
        segment = MemorySegment.ofAddress(address).reinterpret(bytes);
    }

    /** The memory; must not be touched after {@link #close}. */
    public MemorySegment segment() {
        return segment;
    }

    @Override
    void free(Driver driver) {
        driver.memFreeHost(segment.address());
    }
}
