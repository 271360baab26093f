package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.DeviceMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Device memory of one owner, freed together. */
final class Owned implements AutoCloseable {
    /** Bytes behind a bit stream that kernels read, and take nothing from. */
    private static final int SLACK = 16;

    private final Cuda cuda;
    private final List<DeviceMemory> memory = new ArrayList<>();

    Owned(Cuda cuda) {
        this.cuda = cuda;
    }

    DeviceMemory allocate(long bytes) {
        DeviceMemory made = cuda.allocate(bytes);
        memory.add(made);
        return made;
    }

    /** A copy on the device, behind which kernels may read. */
    DeviceMemory upload(MemorySegment from) {
        DeviceMemory made = allocate(from.byteSize() + SLACK);
        made.write(from);
        return made;
    }

    DeviceMemory upload(float[] from) {
        return upload(MemorySegment.ofArray(from));
    }

    @Override
    public void close() {
        memory.forEach(DeviceMemory::close);
    }
}
