package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;

/** A codebook as kernels want it: plain arrays, made once per matrix. Kernels only read them. */
final class CodeTable {
    /** Entries of {@link #cyclic}: the most that a kernel looks up in registers. */
    static final int CYCLE = 16;

    private static final int BUCKETS_PER_CODE = 4;

    final Codebook codebook;
    final int bits;
    final float[] values;
    final float[] midpoints;
    final int zeroCode;

    /** The values again and again, at least 16, so that an index needs no mask when registers hold 16. */
    final float[] cyclic;

    /** The midpoints as a binary search tree in heap order, root at 1; entry 0 is unused, entries beyond 2^bits are padding. */
    final float[] heap;

    /** The number of midpoints in lower buckets than the given one; see {@link #code}. */
    private final short[] codeOfBucket;

    private final float bucketsPerUnit;
    private final float lastBucket;

    CodeTable(Codebook codebook) {
        this.codebook = codebook;
        this.bits = codebook.bits();
        this.values = codebook.values();
        this.midpoints = codebook.midpoints();
        this.zeroCode = codebook.zeroCode();
        this.cyclic = new float[Math.max(CYCLE, values.length)];
        for (int i = 0; i < cyclic.length; i++) {
            cyclic[i] = values[i % values.length];
        }
        this.heap = new float[cyclic.length];
        for (int depth = 0; depth < bits; depth++) {
            int step = values.length >> depth;
            for (int k = 0; k < 1 << depth; k++) {
                heap[(1 << depth) + k] = midpoints[k * step + step / 2 - 1];
            }
        }
        float reach = Math.max(Math.abs(midpoints[0]), Math.abs(midpoints[midpoints.length - 1]));
        int buckets = BUCKETS_PER_CODE * values.length;
        this.lastBucket = buckets - 1;
        float perUnit = buckets / 2 / reach;
        this.bucketsPerUnit = perUnit <= Float.MAX_VALUE ? perUnit : 0;
        this.codeOfBucket = new short[buckets];
        for (float midpoint : midpoints) {
            for (int bucket = bucket(midpoint) + 1; bucket < buckets; bucket++) {
                codeOfBucket[bucket]++;
            }
        }
    }

    /** Grows with x, which is all that {@link #code} relies on. */
    private int bucket(float x) {
        return (int) Math.max(0f, Math.min(lastBucket, x * bucketsPerUnit + (lastBucket + 1) / 2));
    }

    /**
     * The number of midpoints strictly below x, as {@link Codebook#encode}: those of lower buckets are below x because buckets grow with
     * x, those of higher ones are not, the few of the same bucket are compared.
     */
    int code(float x) {
        int code = codeOfBucket[bucket(x)];
        while (code < midpoints.length && midpoints[code] < x) {
            code++;
        }
        return code;
    }
}
