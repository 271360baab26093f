package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The product of packed codes of up to 4 bits with a vector, weights in order, for groups of a multiple of 16: what {@link RowDot} does not know because groups or rows
 * are not whole steps. Within a group lane l sums (table[code_i] - zero) x_i over i mod 16 = l by fused multiply-adds from 0, then lane += scale * sum, fused.
 */
public final class WordDot {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final int WIDTH = F.length();
    private static final int LANES = Lanes.COUNT;

    /** Whether two registers are summed side by side: an addition would else wait for the one before. */
    private static final boolean TWO = WIDTH < LANES;

    private static final int STEP = TWO ? 2 * WIDTH : WIDTH;

    private WordDot() {}

    /**
     * Adds the product to 16 lanes. In SIMD, for codes that {@link CodeLanes#holds}.
     *
     * @param packed readable for {@link Packing#SLACK} bytes behind the codes
     * @param bitOffset where they start: a bit from which eight codes lie in one 32-bit word ({@link PackedCodes#load})
     * @param count how many, a multiple of {@code width}
     * @param width codes of a group, a multiple of 16
     * @param table what codes stand for, {@link RowDot#TABLE} entries
     * @param zeros of all groups, unsigned; null for none
     * @param scales of all groups
     * @param group the first
     * @param x not modified
     * @param lanes 16 sums; modified
     */
    public static void dot(
            byte[] packed,
            int bitOffset,
            int count,
            int bits,
            int width,
            float[] table,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes) {
        for (int lane = 0; lane < LANES; lane += STEP) {
            dot(packed, bitOffset, count, bits, width, table, zeros, scales, group, x, xFrom, lanes, lane);
        }
    }

    private static void dot(
            byte[] packed,
            int bitOffset,
            int count,
            int bits,
            int width,
            float[] table,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        IntVector shifts = CodeLanes.shifts(bits, bitOffset);
        boolean two = 1 << bits > WIDTH;
        FloatVector ofLow = FloatVector.fromArray(F, table, 0);
        FloatVector ofHigh = FloatVector.fromArray(F, table, RowDot.TABLE - WIDTH);
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        FloatVector total2 = FloatVector.fromArray(F, lanes, lane + STEP - WIDTH);
        for (int start = 0; start < count; start += width, group++) {
            float zero = zeros == null ? 0 : zeros[group] & 0xff;
            IntVector low = ofLow.sub(zero).reinterpretAsInts();
            IntVector high = ofHigh.sub(zero).reinterpretAsInts();
            FloatVector sum = FloatVector.zero(F);
            FloatVector sum2 = sum;
            for (int i = start + lane; i < start + width; i += LANES) {
                IntVector index = CodeLanes.codes(packed, bitOffset, i, bits, shifts);
                sum = CodeLanes.value(index, low, high, two).fma(FloatVector.fromArray(F, x, xFrom + i), sum);
                if (TWO) {
                    int next = i + WIDTH;
                    index = CodeLanes.codes(packed, bitOffset, next, bits, shifts);
                    sum2 = CodeLanes.value(index, low, high, two).fma(FloatVector.fromArray(F, x, xFrom + next), sum2);
                }
            }
            FloatVector scale = FloatVector.broadcast(F, scales[group]);
            total = sum.fma(scale, total);
            total2 = sum2.fma(scale, total2);
        }
        total2.intoArray(lanes, lane + STEP - WIDTH);
        total.intoArray(lanes, lane);
    }
}
