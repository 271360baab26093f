package dev.lowbit.jobs;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/** How fast this machine reads memory: the roof over every kernel that multiplies with packed weights. */
public final class MemoryBandwidth {
    /** Beyond the last-level cache of common processors. */
    private static final int FLOATS = 1 << 26;

    /** Memory that a measurement takes. */
    public static final long BYTES = (long) FLOATS * Float.BYTES;

    private static final int CHUNKS = 256;
    private static final int PASSES = 7;

    private MemoryBandwidth() {}

    /** Bytes read per second by {@code workers}, the best of a few passes over 256 MiB. */
    public static double readBytesPerSecond(Workers workers) {
        Kernels kernels = Kernels.get();
        try (FloatMatrix memory = FloatMatrix.allocate(CHUNKS, FLOATS / CHUNKS)) {
            memory.segment().fill((byte) 1);
            long best = Long.MAX_VALUE;
            float seen = 0;
            for (int pass = 0; pass < PASSES; pass++) {
                float[] largest = new float[CHUNKS];
                long start = System.nanoTime();
                workers.forEach(
                        CHUNKS,
                        chunk -> largest[chunk] =
                                kernels.absMax(memory.segment(), (long) chunk * memory.columns(), memory.columns()));
                best = Math.min(best, System.nanoTime() - start);
                seen += largest[pass];
            }
            // the sum is used, so that no compiler can leave the reading out
            return seen > 0 ? BYTES / (best / 1e9) : 0;
        }
    }
}
