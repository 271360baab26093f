package dev.lowbit.transformer;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Ones to multiply with: a sum is a dot product with them, a constant is added as a multiple of them. */
final class Ones {
    private static volatile MemorySegment ones = MemorySegment.ofArray(new float[0]);

    private Ones() {}

    /** At least {@code length} ones. */
    static MemorySegment of(int length) {
        MemorySegment current = ones;
        if (current.byteSize() < (long) length * Float.BYTES) {
            float[] longer = new float[Math.max(1024, Math.multiplyExact(2, length))];
            Arrays.fill(longer, 1);
            current = MemorySegment.ofArray(longer);
            ones = current;
        }
        return current;
    }
}
