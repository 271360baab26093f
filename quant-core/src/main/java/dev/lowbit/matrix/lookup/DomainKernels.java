package dev.lowbit.matrix.lookup;

import java.lang.foreign.MemorySegment;

/**
 * The product of a domain: whatever index values stand for is added as integers, then one conversion to floats. Every implementation of a kind gives the same bits.
 *
 * <p>A block is {@link LookupShape#BLOCK_ROWS} rows. Its bytes and 16-bit values lie as SIMD lanes want them: row 64 h + 32 e + 16 p + l is at byte 64 h + 4 l + 2 e +
 * p ({@link #byteOf}) and at 16-bit value 64 h + 32 p + 2 l + e ({@link #shortOf}), so that bytes widen to 16 bits, and these to 32, with rows in order.
 */
interface DomainKernels {
    /** Where the byte of a row lies in its block. */
    static int byteOf(int row) {
        return (row & 64) + 4 * (row & 15) + 2 * (row >> 5 & 1) + (row >> 4 & 1);
    }

    /** Where the 16-bit value of a row lies in its block. */
    static int shortOf(int row) {
        return (row & 64) + 32 * (row >> 4 & 1) + 2 * (row & 15) + (row >> 5 & 1);
    }

    /**
     * One domain for some blocks of rows: y += scale * (unit * sum + base), two fused multiply-adds, with the sum of what a row's index values stand for.
     *
     * @param codes from {@code codesAt} on an index value of each of 128 rows for each lookup of a block, then the next block's
     * @param lookups index values of a row, so few that sums fit 16 bits
     * @param tables {@code table} bytes for each lookup; not modified
     * @param table bytes of what an index value is taken through
     * @param scales 128 in BF16 for each block from byte {@code scalesAt} on, as {@link #shortOf} says
     * @param sums room for the sums of a block; modified
     * @param y 128 values for each block from {@code yFrom} on, rows in order; modified
     */
    void multiply(
            MemorySegment codes,
            long codesAt,
            int lookups,
            byte[] tables,
            int table,
            MemorySegment scales,
            long scalesAt,
            float unit,
            float base,
            short[] sums,
            float[] y,
            int yFrom,
            int blocks);

    /**
     * y += offset * inputs, fused.
     *
     * @param offsets 128 in BF16 for each block from byte {@code offsetsAt} on, as {@link #shortOf} says
     * @param y 128 values for each block from {@code yFrom} on, rows in order; modified
     */
    void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks);
}
