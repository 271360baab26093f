package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link RowDot} in SIMD: a load widens bytes to lanes, and each code in them is looked up by permuting a table in one register or two. Where a table
 * needs four (4 bits with four lanes) values are looked up one by one, and multiplied in SIMD.
 */
final class VectorRowDot implements RowDot {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();

    /** Where one vector comes from; what is loaded beyond it is not used. */
    private static final VectorSpecies<Byte> B = WIDTH == LANES ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

    @Override
    public void dot(
            byte[] row,
            int bits,
            int count,
            int width,
            float[] tables,
            int table,
            int tableStep,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes) {
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            if (bits == 2) {
                two(row, count, width, tables, table, tableStep, zeros, scales, group, x, xFrom, lanes, lane);
            } else if (CodeLanes.holds(bits)) {
                four(row, count, width, tables, table, tableStep, zeros, scales, group, x, xFrom, lanes, lane);
            } else {
                narrow(row, count, width, tables, table, tableStep, zeros, scales, group, x, xFrom, lanes, lane);
            }
        }
    }

    private static IntVector bytes(byte[] row, int at) {
        return (IntVector) ByteVector.fromArray(B, row, at).convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
    }

    private static float zero(byte[] zeros, int group) {
        return zeros == null ? 0 : zeros[group] & 0xff;
    }

    private static float scale(float[] scales, int group) {
        return scales == null ? 1 : scales[group];
    }

    /** 4 bits: the low half of each byte, then the high one. */
    private static void four(
            byte[] row,
            int count,
            int width,
            float[] tables,
            int table,
            int tableStep,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        boolean two = WIDTH < TABLE;
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        for (int start = 0; start < count; start += width, group++, table += tableStep) {
            float zero = zero(zeros, group);
            IntVector low = FloatVector.fromArray(F, tables, table).sub(zero).reinterpretAsInts();
            IntVector high = FloatVector.fromArray(F, tables, table + TABLE - WIDTH)
                    .sub(zero)
                    .reinterpretAsInts();
            FloatVector sum = FloatVector.zero(F);
            int at = xFrom + lane;
            for (int i = start; i < start + width; i += 2 * LANES) {
                IntVector index = bytes(row, i / 2 + lane);
                sum = CodeLanes.value(index, low, high, two).fma(FloatVector.fromArray(F, x, at + i), sum);
                index = index.lanewise(VectorOperators.LSHR, 4);
                sum = CodeLanes.value(index, low, high, two).fma(FloatVector.fromArray(F, x, at + i + LANES), sum);
            }
            total = sum.fma(FloatVector.broadcast(F, scale(scales, group)), total);
        }
        total.intoArray(lanes, lane);
    }

    /** 2 bits: four codes of each byte, the lowest first. */
    private static void two(
            byte[] row,
            int count,
            int width,
            float[] tables,
            int table,
            int tableStep,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        for (int start = 0; start < count; start += width, group++, table += tableStep) {
            IntVector values = FloatVector.fromArray(F, tables, table)
                    .sub(zero(zeros, group))
                    .reinterpretAsInts();
            FloatVector sum = FloatVector.zero(F);
            int at = xFrom + lane;
            for (int i = start; i < start + width; i += 4 * LANES) {
                IntVector index = bytes(row, i / 4 + lane);
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at + i), sum);
                index = index.lanewise(VectorOperators.LSHR, 2);
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at + i + LANES), sum);
                index = index.lanewise(VectorOperators.LSHR, 2);
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at + i + 2 * LANES), sum);
                index = index.lanewise(VectorOperators.LSHR, 2);
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at + i + 3 * LANES), sum);
            }
            total = sum.fma(FloatVector.broadcast(F, scale(scales, group)), total);
        }
        total.intoArray(lanes, lane);
    }

    private static FloatVector value(IntVector index, IntVector values) {
        return index.selectFrom(values).reinterpretAsFloats();
    }

    /** 4 bits with four lanes. */
    private static void narrow(
            byte[] row,
            int count,
            int width,
            float[] tables,
            int table,
            int tableStep,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        float[] values = new float[2 * WIDTH];
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        for (int start = 0; start < count; start += width, group++, table += tableStep) {
            FloatVector zero = FloatVector.broadcast(F, zero(zeros, group));
            FloatVector sum = FloatVector.zero(F);
            for (int i = start; i < start + width; i += 2 * LANES) {
                for (int l = 0; l < WIDTH; l++) {
                    int pair = row[i / 2 + lane + l] & 0xff;
                    values[l] = tables[table + (pair & 15)];
                    values[WIDTH + l] = tables[table + (pair >>> 4)];
                }
                int at = xFrom + lane + i;
                sum = FloatVector.fromArray(F, values, 0).sub(zero).fma(FloatVector.fromArray(F, x, at), sum);
                sum = FloatVector.fromArray(F, values, WIDTH)
                        .sub(zero)
                        .fma(FloatVector.fromArray(F, x, at + LANES), sum);
            }
            total = sum.fma(FloatVector.broadcast(F, scale(scales, group)), total);
        }
        total.intoArray(lanes, lane);
    }
}
