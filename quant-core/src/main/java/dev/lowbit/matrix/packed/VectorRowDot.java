package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link RowDot} in SIMD: a load widens bytes to lanes, and each code in them is looked up by permuting a table in one register or two. Where a table
 * needs four (4 bits with four lanes) values are looked up byte by byte. 4 and 2 bits have a loop each, written out: as one loop over the codes
 * of a byte they were half as fast.
 */
final class VectorRowDot implements RowDot {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();

    /** Whether two registers are summed side by side: an addition would else wait for the one before. */
    private static final boolean TWO = WIDTH < LANES;

    private static final int STEP = TWO ? 2 * WIDTH : WIDTH;

    private static final RowDot SCALAR = new ScalarRowDot();
    private static final float[][] INTEGERS = {null, null, RowDot.integers(2), null, RowDot.integers(4)};

    /** Where one vector comes from; what is loaded beyond it is not used. */
    private static final VectorSpecies<Byte> B = WIDTH == LANES ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

    /** Lane l takes value l / n of a vector, at n: a group's scale for all lanes that hold its codes. */
    private static final VectorShuffle<?>[] REPEATED = new VectorShuffle<?>[LANES + 1];

    private static final VectorSpecies<Byte> SIXTEEN = ByteVector.SPECIES_128;

    /** For each four lanes from the first on: every byte of theirs four times. */
    private static final byte[] SPREAD = new byte[LANES * Float.BYTES];

    static {
        for (int i = 0; i < SPREAD.length; i++) {
            SPREAD[i] = (byte) (i / Float.BYTES);
        }
        for (int n = 1; n <= LANES; n *= 2) {
            int lanes = n;
            REPEATED[n] = VectorShuffle.fromOp(F, lane -> lane / lanes);
        }
    }

    @Override
    public void dot(
            byte[] row,
            int bits,
            int count,
            int width,
            float[] tables,
            int tableStep,
            float[] zeros,
            float[] scales,
            float[] x,
            int xFrom,
            float[] lanes) {
        boolean inStep = width < RowDot.step(bits);
        if (tables == null) {
            boolean convert = TWO && bits == 4 && !inStep;
            if (convert) {
                integers(row, count, width, zeros, scales, x, xFrom, lanes);
                return;
            }
            tables = INTEGERS[bits];
        }
        if (inStep && !CodeLanes.holds(bits)) {
            SCALAR.dot(row, bits, count, width, tables, tableStep, zeros, scales, x, xFrom, lanes);
            return;
        }
        if (inStep || !CodeLanes.holds(bits)) {
            for (int lane = 0; lane < LANES; lane += WIDTH) {
                if (inStep) {
                    groups(row, bits, count, width, tables, zeros, scales, x, xFrom + lane, lanes, lane);
                } else {
                    narrow(row, count, width, tables, tableStep, zeros, scales, x, xFrom + lane, lanes, lane);
                }
            }
            return;
        }
        for (int lane = 0; lane < LANES; lane += STEP) {
            if (bits == 2) {
                two(row, count, width, tables, tableStep, zeros, scales, x, xFrom + lane, lanes, lane);
            } else {
                four(row, count, width, tables, tableStep, zeros, scales, x, xFrom + lane, lanes, lane);
            }
        }
    }

    private static IntVector bytes(byte[] row, int at) {
        return (IntVector) ByteVector.fromArray(B, row, at).convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
    }

    private static float zero(float[] zeros, int group) {
        return zeros == null ? 0 : zeros[group];
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
            int tableStep,
            float[] zeros,
            float[] scales,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        FloatVector total2 = FloatVector.fromArray(F, lanes, lane + STEP - WIDTH);
        int group = 0;
        for (int start = 0; start < count; start += width, group++) {
            float zero = zero(zeros, group);
            int table = group * tableStep;
            IntVector low = FloatVector.fromArray(F, tables, table).sub(zero).reinterpretAsInts();
            IntVector high = FloatVector.fromArray(F, tables, table + TABLE - WIDTH)
                    .sub(zero)
                    .reinterpretAsInts();
            FloatVector sum = FloatVector.zero(F);
            FloatVector sum2 = sum;
            for (int i = start; i < start + width; i += 2 * LANES) {
                IntVector index = bytes(row, i / 2 + lane);
                int at = xFrom + i;
                sum = CodeLanes.value(index, low, high, TWO).fma(FloatVector.fromArray(F, x, at), sum);
                index = index.lanewise(VectorOperators.LSHR, 4);
                sum = CodeLanes.value(index, low, high, TWO).fma(FloatVector.fromArray(F, x, at + LANES), sum);
                if (TWO) {
                    index = bytes(row, i / 2 + lane + WIDTH);
                    at += WIDTH;
                    sum2 = CodeLanes.value(index, low, high, TWO).fma(FloatVector.fromArray(F, x, at), sum2);
                    index = index.lanewise(VectorOperators.LSHR, 4);
                    sum2 = CodeLanes.value(index, low, high, TWO).fma(FloatVector.fromArray(F, x, at + LANES), sum2);
                }
            }
            FloatVector scale = FloatVector.broadcast(F, scale(scales, group));
            total = sum.fma(scale, total);
            total2 = sum2.fma(scale, total2);
        }
        total2.intoArray(lanes, lane + STEP - WIDTH);
        total.intoArray(lanes, lane);
    }

    /** 4 bits that stand for themselves, where a table would take two registers or more: converted. */
    private static void integers(
            byte[] row, int count, int width, float[] zeros, float[] scales, float[] x, int xFrom, float[] lanes) {
        for (int lane = 0; lane < LANES; lane += STEP) {
            FloatVector total = FloatVector.fromArray(F, lanes, lane);
            FloatVector total2 = FloatVector.fromArray(F, lanes, lane + WIDTH);
            int group = 0;
            for (int start = 0; start < count; start += width, group++) {
                FloatVector zero = FloatVector.broadcast(F, zero(zeros, group));
                FloatVector sum = FloatVector.zero(F);
                FloatVector sum2 = sum;
                for (int i = start; i < start + width; i += 2 * LANES) {
                    IntVector pairs = bytes(row, i / 2 + lane);
                    IntVector pairs2 = bytes(row, i / 2 + lane + WIDTH);
                    int at = xFrom + i + lane;
                    sum = integer(pairs.and(15)).sub(zero).fma(FloatVector.fromArray(F, x, at), sum);
                    sum2 = integer(pairs2.and(15)).sub(zero).fma(FloatVector.fromArray(F, x, at + WIDTH), sum2);
                    at += LANES;
                    sum = integer(pairs.lanewise(VectorOperators.LSHR, 4))
                            .sub(zero)
                            .fma(FloatVector.fromArray(F, x, at), sum);
                    sum2 = integer(pairs2.lanewise(VectorOperators.LSHR, 4))
                            .sub(zero)
                            .fma(FloatVector.fromArray(F, x, at + WIDTH), sum2);
                }
                FloatVector scale = FloatVector.broadcast(F, scale(scales, group));
                total = sum.fma(scale, total);
                total2 = sum2.fma(scale, total2);
            }
            total.intoArray(lanes, lane);
            total2.intoArray(lanes, lane + WIDTH);
        }
    }

    private static FloatVector integer(IntVector codes) {
        return (FloatVector) codes.convert(VectorOperators.I2F, 0);
    }

    /** 2 bits: four codes of each byte, the lowest first. */
    private static void two(
            byte[] row,
            int count,
            int width,
            float[] tables,
            int tableStep,
            float[] zeros,
            float[] scales,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        FloatVector total2 = FloatVector.fromArray(F, lanes, lane + STEP - WIDTH);
        int group = 0;
        for (int start = 0; start < count; start += width, group++) {
            IntVector values = FloatVector.fromArray(F, tables, group * tableStep)
                    .sub(zero(zeros, group))
                    .reinterpretAsInts();
            FloatVector sum = FloatVector.zero(F);
            FloatVector sum2 = sum;
            for (int i = start; i < start + width; i += 4 * LANES) {
                IntVector index = bytes(row, i / 4 + lane);
                int at = xFrom + i;
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at), sum);
                index = index.lanewise(VectorOperators.LSHR, 2);
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at + LANES), sum);
                index = index.lanewise(VectorOperators.LSHR, 2);
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at + 2 * LANES), sum);
                index = index.lanewise(VectorOperators.LSHR, 2);
                sum = value(index, values).fma(FloatVector.fromArray(F, x, at + 3 * LANES), sum);
                if (TWO) {
                    index = bytes(row, i / 4 + lane + WIDTH);
                    at += WIDTH;
                    sum2 = value(index, values).fma(FloatVector.fromArray(F, x, at), sum2);
                    index = index.lanewise(VectorOperators.LSHR, 2);
                    sum2 = value(index, values).fma(FloatVector.fromArray(F, x, at + LANES), sum2);
                    index = index.lanewise(VectorOperators.LSHR, 2);
                    sum2 = value(index, values).fma(FloatVector.fromArray(F, x, at + 2 * LANES), sum2);
                    index = index.lanewise(VectorOperators.LSHR, 2);
                    sum2 = value(index, values).fma(FloatVector.fromArray(F, x, at + 3 * LANES), sum2);
                }
            }
            FloatVector scale = FloatVector.broadcast(F, scale(scales, group));
            total = sum.fma(scale, total);
            total2 = sum2.fma(scale, total2);
        }
        total2.intoArray(lanes, lane + STEP - WIDTH);
        total.intoArray(lanes, lane);
    }

    private static FloatVector value(IntVector index, IntVector values) {
        return index.selectFrom(values).reinterpretAsFloats();
    }

    /** Several groups in a step, all with one table: zero and scale of each lane's group. */
    private static void groups(
            byte[] row,
            int bits,
            int count,
            int width,
            float[] tables,
            float[] zeros,
            float[] scales,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        int codes = RowDot.codesInByte(bits);
        int step = RowDot.step(bits);
        boolean two = 1 << bits > WIDTH;
        VectorShuffle<Float> ofGroup = REPEATED[width / codes].cast(F);
        IntVector low = FloatVector.fromArray(F, tables, 0).reinterpretAsInts();
        IntVector high = FloatVector.fromArray(F, tables, TABLE - WIDTH).reinterpretAsInts();
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        FloatVector zero = FloatVector.zero(F);
        FloatVector scale = FloatVector.broadcast(F, 1);
        for (int start = 0; start < count; start += step) {
            int group = (start + lane * codes) / width;
            if (zeros != null) {
                zero = FloatVector.fromArray(F, zeros, group).rearrange(ofGroup);
            }
            if (scales != null) {
                scale = FloatVector.fromArray(F, scales, group).rearrange(ofGroup);
            }
            IntVector index = bytes(row, start / codes + lane);
            FloatVector sum = FloatVector.zero(F);
            for (int t = 0; t < codes; t++) {
                FloatVector inputs = FloatVector.fromArray(F, x, xFrom + start + t * LANES);
                sum = CodeLanes.value(index, low, high, two).sub(zero).fma(inputs, sum);
                index = index.lanewise(VectorOperators.LSHR, bits);
            }
            total = sum.fma(scale, total);
        }
        total.intoArray(lanes, lane);
    }

    /**
     * 4 bits with four lanes, where a table would take four registers: each byte of the values is a table of its own, which a permutation of bytes looks up, and four of
     * them make a value.
     */
    private static void narrow(
            byte[] row,
            int count,
            int width,
            float[] tables,
            int tableStep,
            float[] zeros,
            float[] scales,
            float[] x,
            int xFrom,
            float[] lanes,
            int lane) {
        byte[] planes = new byte[Float.BYTES * TABLE];
        ByteVector spread = ByteVector.fromArray(SIXTEEN, SPREAD, TABLE * lane / WIDTH);
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        int group = 0;
        for (int start = 0; start < count; start += width, group++) {
            if (group == 0 || tableStep > 0) {
                cut(tables, group * tableStep, planes);
            }
            ByteVector first = ByteVector.fromArray(SIXTEEN, planes, 0);
            ByteVector second = ByteVector.fromArray(SIXTEEN, planes, TABLE);
            ByteVector third = ByteVector.fromArray(SIXTEEN, planes, 2 * TABLE);
            ByteVector fourth = ByteVector.fromArray(SIXTEEN, planes, 3 * TABLE);
            FloatVector zero = FloatVector.broadcast(F, zero(zeros, group));
            FloatVector sum = FloatVector.zero(F);
            for (int i = start; i < start + width; i += 2 * LANES) {
                ByteVector index = spread.selectFrom(ByteVector.fromArray(SIXTEEN, row, i / 2));
                int at = xFrom + i;
                IntVector low = index.selectFrom(first).reinterpretAsInts().and(0xff);
                low = low.or(index.selectFrom(second).reinterpretAsInts().and(0xff00));
                low = low.or(index.selectFrom(third).reinterpretAsInts().and(0xff0000));
                low = low.or(index.selectFrom(fourth).reinterpretAsInts().and(0xff000000));
                sum = low.reinterpretAsFloats().sub(zero).fma(FloatVector.fromArray(F, x, at), sum);
                index = index.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 4)
                        .reinterpretAsBytes();
                IntVector high = index.selectFrom(first).reinterpretAsInts().and(0xff);
                high = high.or(index.selectFrom(second).reinterpretAsInts().and(0xff00));
                high = high.or(index.selectFrom(third).reinterpretAsInts().and(0xff0000));
                high = high.or(index.selectFrom(fourth).reinterpretAsInts().and(0xff000000));
                sum = high.reinterpretAsFloats().sub(zero).fma(FloatVector.fromArray(F, x, at + LANES), sum);
            }
            total = sum.fma(FloatVector.broadcast(F, scale(scales, group)), total);
        }
        total.intoArray(lanes, lane);
    }

    /** All first bytes of a table's values, then all second ones, and so on. */
    private static void cut(float[] tables, int table, byte[] planes) {
        for (int entry = 0; entry < TABLE; entry++) {
            int bits = Float.floatToRawIntBits(tables[table + entry]);
            for (int plane = 0; plane < Float.BYTES; plane++) {
                planes[plane * TABLE + entry] = (byte) (bits >>> plane * Byte.SIZE);
            }
        }
    }
}
