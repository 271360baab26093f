package dev.lowbit.jobs;

import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/** How fast this machine reads memory: the roof over every kernel that multiplies with packed weights. */
public final class MemoryBandwidth {
    /** Beyond the last-level cache of common processors. */
    private static final int FLOATS = 1 << 26;

    /** Memory that a measurement takes. */
    public static final long BYTES = (long) FLOATS * Float.BYTES;

    private static final int CHUNKS = 256;
    private static final int PASSES = 7;
    private static final VectorSpecies<Float> SPECIES = VectorWidth.floats();

    private MemoryBandwidth() {}

    /** Bytes read per second by {@code workers}, the best of a few passes over 256 MiB. */
    public static double readBytesPerSecond(Workers workers) {
        try (FloatMatrix memory = FloatMatrix.allocate(CHUNKS, FLOATS / CHUNKS)) {
            memory.segment().fill((byte) 1);
            long best = Long.MAX_VALUE;
            float seen = 0;
            for (int pass = 0; pass < PASSES; pass++) {
                float[] sums = new float[CHUNKS];
                long start = System.nanoTime();
                workers.forEach(
                        CHUNKS,
                        chunk -> sums[chunk] = sum(
                                memory.segment(),
                                (long) chunk * memory.columns() * Float.BYTES,
                                (long) memory.columns() * Float.BYTES));
                best = Math.min(best, System.nanoTime() - start);
                seen += sums[pass];
            }
            // the sum is used, so that no compiler can leave the reading out
            return seen > 0 ? BYTES / (best / 1e9) : 0;
        }
    }

    /**
     * The sum of some floats, which is as quick as memory is: four sums beside one another, because one alone would wait for itself.
     *
     * @param memory not on the heap; not modified
     * @param from in bytes
     * @param bytes a multiple of four registers
     */
    public static float sum(MemorySegment memory, long from, long bytes) {
        long step = SPECIES.vectorByteSize();
        FloatVector a = FloatVector.zero(SPECIES);
        FloatVector b = a;
        FloatVector c = a;
        FloatVector d = a;
        for (long at = from; at < from + bytes; at += 4 * step) {
            a = a.add(FloatVector.fromMemorySegment(SPECIES, memory, at, ByteOrder.nativeOrder()));
            b = b.add(FloatVector.fromMemorySegment(SPECIES, memory, at + step, ByteOrder.nativeOrder()));
            c = c.add(FloatVector.fromMemorySegment(SPECIES, memory, at + 2 * step, ByteOrder.nativeOrder()));
            d = d.add(FloatVector.fromMemorySegment(SPECIES, memory, at + 3 * step, ByteOrder.nativeOrder()));
        }
        return a.add(b).add(c.add(d)).lane(0);
    }
}
