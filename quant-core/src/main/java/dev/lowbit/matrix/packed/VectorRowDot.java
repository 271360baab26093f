package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link RowDot} in SIMD: two rows side by side, because an addition waits for the one before, and inputs are loaded once for both. A load puts each unit into a lane of its own, and codes are looked up in it by
 * permuting a table in one register or two. Where a table needs four (4 bits with four lanes) values are looked up byte by byte.
 *
 * <p>Each width of a code has a loop written out: as one loop with the width as a variable they were half as fast. Most go by {@link RowBlock#step}, a number that the compiler does not know: a loop of constant
 * steps it unrolls, and a group of two steps then runs in the code before and behind the unrolled one, a tenth slower. Four rows are more than the compiler inlines in a method.
 */
final class VectorRowDot implements RowDot {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();

    private static final RowDot SCALAR = new ScalarRowDot();

    private static final float[][] INTEGERS = {null, null, RowDot.integers(2), RowDot.integers(3), RowDot.integers(4)};

    /** Where one vector of bytes comes from; what is loaded beyond it is not used. */
    private static final VectorSpecies<Byte> B = WIDTH == LANES ? ByteVector.SPECIES_128 : ByteVector.SPECIES_64;

    /** As many bytes as a vector has. */
    private static final VectorSpecies<Byte> BYTES = F.withLanes(byte.class);

    /** For each lane the three bytes of its unit, and the next. */
    private static final byte[] TRIPLES = new byte[BYTES.length()];

    /** Lane l takes value l / n of a vector, at n: a group's scale for all lanes that hold its codes. */
    private static final VectorShuffle<?>[] REPEATED = new VectorShuffle<?>[LANES + 1];

    private static final VectorSpecies<Byte> SIXTEEN = ByteVector.SPECIES_128;

    /** For each four lanes from the first on: every byte of theirs four times. */
    private static final byte[] SPREAD = new byte[LANES * Float.BYTES];

    static {
        for (int i = 0; i < SPREAD.length; i++) {
            SPREAD[i] = (byte) (i / Float.BYTES);
        }
        for (int i = 0; i < TRIPLES.length; i++) {
            TRIPLES[i] = (byte) (i / Float.BYTES * 3 + i % Float.BYTES);
        }
        for (int n = 1; n <= LANES; n *= 2) {
            int lanes = n;
            REPEATED[n] = VectorShuffle.fromOp(F, lane -> lane / lanes);
        }
    }

    @Override
    public void dot(RowBlock rows, float[] x, int xFrom, float[] lanes) {
        boolean inStep = rows.width < rows.step;
        if (inStep && !CodeLanes.holds(rows.bits)) {
            SCALAR.dot(rows, x, xFrom, lanes);
            return;
        }
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            if (inStep) {
                groups(rows, x, xFrom, lanes, lane);
            } else {
                steps(rows, x, xFrom, lanes, lane);
            }
        }
    }

    /** Groups of whole steps. */
    private static void steps(RowBlock rows, float[] x, int xFrom, float[] lanes, int lane) {
        switch (rows.bits) {
            case 2 -> two(rows, x, xFrom, lanes, lane);
            case 3 -> three(rows, x, xFrom, lanes, lane);
            case 4 -> {
                if (WIDTH < TABLE && rows.tables == null) {
                    integers(rows, x, xFrom, lanes, lane);
                } else if (CodeLanes.holds(4)) {
                    four(rows, x, xFrom, lanes, lane);
                } else {
                    for (int row = 0; row < ROWS; row++) {
                        narrow(rows, row, x, xFrom, lanes, lane);
                    }
                }
            }
            default -> eight(rows, x, xFrom, lanes, lane);
        }
    }

    private static IntVector bytes(byte[] row, int at) {
        return (IntVector) ByteVector.fromArray(B, row, at).convertShape(VectorOperators.ZERO_EXTEND_B2I, I, 0);
    }

    private static IntVector triples(byte[] row, int at) {
        return ByteVector.fromArray(BYTES, TRIPLES, 0)
                .selectFrom(ByteVector.fromArray(BYTES, row, at))
                .reinterpretAsInts();
    }

    private static IntVector next(IntVector index, int bits) {
        return index.lanewise(VectorOperators.LSHR, bits);
    }

    private static float zero(byte[] zeros, int group) {
        return zeros == null ? 0 : zeros[group] & 0xff;
    }

    private static FloatVector scale(float[] scales, int group) {
        return FloatVector.broadcast(F, scales == null ? 1 : scales[group]);
    }

    private static IntVector table(float[] tables, int at, float zero) {
        return FloatVector.fromArray(F, tables, at).sub(zero).reinterpretAsInts();
    }

    private static FloatVector value(IntVector index, IntVector values) {
        return index.selectFrom(values).reinterpretAsFloats();
    }

    private static FloatVector integer(IntVector codes) {
        return (FloatVector) codes.convert(VectorOperators.I2F, 0);
    }

    /** 2 bits: four codes of each byte, the lowest first. */
    private static void two(RowBlock rows, float[] x, int xFrom, float[] lanes, int lane) {
        int count = rows.count;
        int step = rows.step;
        int width = rows.width;
        int groups = rows.groups;
        int bytes = rows.bytes;
        byte[] codes = rows.codes;
        float[] tables = rows.tables == null ? INTEGERS[2] : rows.tables;
        int tableStep = rows.tableStep;
        int tablesOfRow = tableStep * groups;
        byte[] zeros = rows.zeros;
        float[] scales = rows.scales;
        FloatVector total0 = FloatVector.fromArray(F, lanes, lane);
        FloatVector total1 = FloatVector.fromArray(F, lanes, lane + LANES);
        int group = 0;
        for (int start = 0; start < count; start += width, group++) {
            int at = group * tableStep;
            float zero0 = zero(zeros, group);
            float zero1 = zero(zeros, group + groups);
            IntVector table0 = table(tables, at, zero0);
            IntVector table1 = table(tables, at + tablesOfRow, zero1);
            FloatVector sum0 = FloatVector.zero(F);
            FloatVector sum1 = sum0;
            for (int i = start; i < start + width; i += step) {
                int from = i / 4 + lane;
                IntVector index0 = bytes(codes, from);
                IntVector index1 = bytes(codes, from + bytes);
                int of = xFrom + i + lane;
                for (int t = 0; t < 4; t++) {
                    FloatVector inputs = FloatVector.fromArray(F, x, of + t * LANES);
                    sum0 = value(index0, table0).fma(inputs, sum0);
                    sum1 = value(index1, table1).fma(inputs, sum1);
                    index0 = next(index0, 2);
                    index1 = next(index1, 2);
                }
            }
            total0 = sum0.fma(scale(scales, group), total0);
            total1 = sum1.fma(scale(scales, group + groups), total1);
        }
        total0.intoArray(lanes, lane);
        total1.intoArray(lanes, lane + LANES);
    }

    /** 3 bits: eight codes of three bytes. */
    private static void three(RowBlock rows, float[] x, int xFrom, float[] lanes, int lane) {
        int count = rows.count;
        int step = rows.step;
        int width = rows.width;
        int groups = rows.groups;
        int bytes = rows.bytes;
        byte[] codes = rows.codes;
        float[] tables = rows.tables == null ? INTEGERS[3] : rows.tables;
        int tableStep = rows.tableStep;
        int tablesOfRow = tableStep * groups;
        byte[] zeros = rows.zeros;
        float[] scales = rows.scales;
        FloatVector total0 = FloatVector.fromArray(F, lanes, lane);
        FloatVector total1 = FloatVector.fromArray(F, lanes, lane + LANES);
        int group = 0;
        for (int start = 0; start < count; start += width, group++) {
            int at = group * tableStep;
            float zero0 = zero(zeros, group);
            float zero1 = zero(zeros, group + groups);
            IntVector low0 = table(tables, at, zero0);
            IntVector high0 = table(tables, at + TABLE - WIDTH, zero0);
            IntVector low1 = table(tables, at + tablesOfRow, zero1);
            IntVector high1 = table(tables, at + tablesOfRow + TABLE - WIDTH, zero1);
            FloatVector sum0 = FloatVector.zero(F);
            FloatVector sum1 = sum0;
            for (int i = start; i < start + width; i += step) {
                int from = (i / 8 + lane) * 3;
                IntVector index0 = triples(codes, from);
                IntVector index1 = triples(codes, from + bytes);
                int of = xFrom + i + lane;
                for (int t = 0; t < 8; t++) {
                    FloatVector inputs = FloatVector.fromArray(F, x, of + t * LANES);
                    sum0 = CodeLanes.value(index0, low0, high0, WIDTH < 8).fma(inputs, sum0);
                    sum1 = CodeLanes.value(index1, low1, high1, WIDTH < 8).fma(inputs, sum1);
                    index0 = next(index0, 3);
                    index1 = next(index1, 3);
                }
            }
            total0 = sum0.fma(scale(scales, group), total0);
            total1 = sum1.fma(scale(scales, group + groups), total1);
        }
        total0.intoArray(lanes, lane);
        total1.intoArray(lanes, lane + LANES);
    }

    /** 4 bits: the low half of each byte, then the high one. */
    private static void four(RowBlock rows, float[] x, int xFrom, float[] lanes, int lane) {
        int count = rows.count;
        int step = rows.step;
        int width = rows.width;
        int groups = rows.groups;
        int bytes = rows.bytes;
        byte[] codes = rows.codes;
        float[] tables = rows.tables == null ? INTEGERS[4] : rows.tables;
        int tableStep = rows.tableStep;
        int tablesOfRow = tableStep * groups;
        byte[] zeros = rows.zeros;
        float[] scales = rows.scales;
        FloatVector total0 = FloatVector.fromArray(F, lanes, lane);
        FloatVector total1 = FloatVector.fromArray(F, lanes, lane + LANES);
        int group = 0;
        for (int start = 0; start < count; start += width, group++) {
            int at = group * tableStep;
            float zero0 = zero(zeros, group);
            float zero1 = zero(zeros, group + groups);
            IntVector low0 = table(tables, at, zero0);
            IntVector high0 = table(tables, at + TABLE - WIDTH, zero0);
            IntVector low1 = table(tables, at + tablesOfRow, zero1);
            IntVector high1 = table(tables, at + tablesOfRow + TABLE - WIDTH, zero1);
            FloatVector sum0 = FloatVector.zero(F);
            FloatVector sum1 = sum0;
            for (int i = start; i < start + width; i += step) {
                int from = i / 2 + lane;
                IntVector index0 = bytes(codes, from);
                IntVector index1 = bytes(codes, from + bytes);
                int of = xFrom + i + lane;
                for (int t = 0; t < 2; t++) {
                    FloatVector inputs = FloatVector.fromArray(F, x, of + t * LANES);
                    sum0 = CodeLanes.value(index0, low0, high0, WIDTH < TABLE).fma(inputs, sum0);
                    sum1 = CodeLanes.value(index1, low1, high1, WIDTH < TABLE).fma(inputs, sum1);
                    index0 = next(index0, 4);
                    index1 = next(index1, 4);
                }
            }
            total0 = sum0.fma(scale(scales, group), total0);
            total1 = sum1.fma(scale(scales, group + groups), total1);
        }
        total0.intoArray(lanes, lane);
        total1.intoArray(lanes, lane + LANES);
    }

    /** 4 bits that stand for themselves, where a table would take two registers or more: converted. */
    private static void integers(RowBlock rows, float[] x, int xFrom, float[] lanes, int lane) {
        int count = rows.count;
        int step = rows.step;
        int width = rows.width;
        int groups = rows.groups;
        int bytes = rows.bytes;
        byte[] codes = rows.codes;
        byte[] zeros = rows.zeros;
        float[] scales = rows.scales;
        FloatVector total0 = FloatVector.fromArray(F, lanes, lane);
        FloatVector total1 = FloatVector.fromArray(F, lanes, lane + LANES);
        int group = 0;
        for (int start = 0; start < count; start += width, group++) {
            FloatVector zero0 = FloatVector.broadcast(F, zero(zeros, group));
            FloatVector zero1 = FloatVector.broadcast(F, zero(zeros, group + groups));
            FloatVector sum0 = FloatVector.zero(F);
            FloatVector sum1 = sum0;
            for (int i = start; i < start + width; i += step) {
                int from = i / 2 + lane;
                IntVector pairs0 = bytes(codes, from);
                IntVector pairs1 = bytes(codes, from + bytes);
                int of = xFrom + i + lane;
                FloatVector inputs = FloatVector.fromArray(F, x, of);
                sum0 = integer(pairs0.and(15)).sub(zero0).fma(inputs, sum0);
                sum1 = integer(pairs1.and(15)).sub(zero1).fma(inputs, sum1);
                inputs = FloatVector.fromArray(F, x, of + LANES);
                sum0 = integer(next(pairs0, 4)).sub(zero0).fma(inputs, sum0);
                sum1 = integer(next(pairs1, 4)).sub(zero1).fma(inputs, sum1);
            }
            total0 = sum0.fma(scale(scales, group), total0);
            total1 = sum1.fma(scale(scales, group + groups), total1);
        }
        total0.intoArray(lanes, lane);
        total1.intoArray(lanes, lane + LANES);
    }

    /** 8 bits, converted; two steps in a round. */
    private static void eight(RowBlock rows, float[] x, int xFrom, float[] lanes, int lane) {
        int count = rows.count;
        int step = rows.step;
        int width = rows.width;
        int groups = rows.groups;
        int bytes = rows.bytes;
        byte[] codes = rows.codes;
        byte[] zeros = rows.zeros;
        float[] scales = rows.scales;
        FloatVector total0 = FloatVector.fromArray(F, lanes, lane);
        FloatVector total1 = FloatVector.fromArray(F, lanes, lane + LANES);
        int group = 0;
        for (int start = lane; start < count; start += width, group++) {
            FloatVector zero0 = FloatVector.broadcast(F, zero(zeros, group));
            FloatVector zero1 = FloatVector.broadcast(F, zero(zeros, group + groups));
            FloatVector sum0 = FloatVector.zero(F);
            FloatVector sum1 = sum0;
            for (int i = start; i < start + width; i += 2 * LANES) {
                int of = xFrom + i;
                FloatVector inputs = FloatVector.fromArray(F, x, of);
                sum0 = integer(bytes(codes, i)).sub(zero0).fma(inputs, sum0);
                sum1 = integer(bytes(codes, i + bytes)).sub(zero1).fma(inputs, sum1);
                inputs = FloatVector.fromArray(F, x, of + LANES);
                sum0 = integer(bytes(codes, i + LANES)).sub(zero0).fma(inputs, sum0);
                sum1 = integer(bytes(codes, i + LANES + bytes)).sub(zero1).fma(inputs, sum1);
            }
            total0 = sum0.fma(scale(scales, group), total0);
            total1 = sum1.fma(scale(scales, group + groups), total1);
        }
        total0.intoArray(lanes, lane);
        total1.intoArray(lanes, lane + LANES);
    }

    /** Several groups in a step, all with one table: zero and scale of each lane's group. */
    private static void groups(RowBlock rows, float[] x, int xFrom, float[] lanes, int lane) {
        int bits = rows.bits;
        int count = rows.count;
        int step = rows.step;
        int width = rows.width;
        int groups = rows.groups;
        int bytes = rows.bytes;
        byte[] codes = rows.codes;
        float[] tables = rows.tables == null ? INTEGERS[bits] : rows.tables;
        byte[] zeros = rows.zeros;
        float[] scales = rows.scales;
        int ofUnit = RowDot.codesOfUnit(bits);
        int unit = ofUnit * bits / Byte.SIZE;
        boolean two = 1 << bits > WIDTH;
        VectorShuffle<Float> ofGroup = REPEATED[width / ofUnit].cast(F);
        IntVector low = FloatVector.fromArray(F, tables, 0).reinterpretAsInts();
        IntVector high = FloatVector.fromArray(F, tables, TABLE - WIDTH).reinterpretAsInts();
        FloatVector total0 = FloatVector.fromArray(F, lanes, lane);
        FloatVector total1 = FloatVector.fromArray(F, lanes, lane + LANES);
        FloatVector zero0 = FloatVector.zero(F);
        FloatVector zero1 = zero0;
        FloatVector scale0 = FloatVector.broadcast(F, 1);
        FloatVector scale1 = scale0;
        for (int start = 0; start < count; start += step) {
            int group = (start + lane * ofUnit) / width;
            if (zeros != null) {
                zero0 = integer(bytes(zeros, group)).rearrange(ofGroup);
                zero1 = integer(bytes(zeros, group + groups)).rearrange(ofGroup);
            }
            if (scales != null) {
                scale0 = FloatVector.fromArray(F, scales, group).rearrange(ofGroup);
                scale1 = FloatVector.fromArray(F, scales, group + groups).rearrange(ofGroup);
            }
            int from = (start / ofUnit + lane) * unit;
            IntVector index0 = bits == 3 ? triples(codes, from) : bytes(codes, from);
            IntVector index1 = bits == 3 ? triples(codes, from + bytes) : bytes(codes, from + bytes);
            FloatVector sum0 = FloatVector.zero(F);
            FloatVector sum1 = sum0;
            for (int t = 0; t < ofUnit; t++) {
                FloatVector inputs = FloatVector.fromArray(F, x, xFrom + start + lane + t * LANES);
                sum0 = CodeLanes.value(index0, low, high, two).sub(zero0).fma(inputs, sum0);
                sum1 = CodeLanes.value(index1, low, high, two).sub(zero1).fma(inputs, sum1);
                index0 = next(index0, bits);
                index1 = next(index1, bits);
            }
            total0 = sum0.fma(scale0, total0);
            total1 = sum1.fma(scale1, total1);
        }
        total0.intoArray(lanes, lane);
        total1.intoArray(lanes, lane + LANES);
    }

    /**
     * 4 bits with four lanes, where a table would take four registers: each byte of the values is a table of its own, which a permutation of bytes looks up, and four of
     * them make a value.
     */
    private static void narrow(RowBlock rows, int row, float[] x, int xFrom, float[] lanes, int lane) {
        int bytes = row * rows.bytes;
        int groups = row * rows.groups;
        byte[] planes = new byte[Float.BYTES * TABLE];
        ByteVector spread = ByteVector.fromArray(SIXTEEN, SPREAD, TABLE * lane / WIDTH);
        FloatVector total = FloatVector.fromArray(F, lanes, row * LANES + lane);
        int group = 0;
        for (int start = 0; start < rows.count; start += rows.width, group++) {
            if (group == 0 || rows.tableStep > 0) {
                cut(rows.tables, (groups + group) * rows.tableStep, planes);
            }
            ByteVector first = ByteVector.fromArray(SIXTEEN, planes, 0);
            ByteVector second = ByteVector.fromArray(SIXTEEN, planes, TABLE);
            ByteVector third = ByteVector.fromArray(SIXTEEN, planes, 2 * TABLE);
            ByteVector fourth = ByteVector.fromArray(SIXTEEN, planes, 3 * TABLE);
            FloatVector zero = FloatVector.broadcast(F, zero(rows.zeros, groups + group));
            FloatVector sum = FloatVector.zero(F);
            for (int i = start; i < start + rows.width; i += 2 * LANES) {
                ByteVector index = spread.selectFrom(ByteVector.fromArray(SIXTEEN, rows.codes, bytes + i / 2));
                int at = xFrom + i + lane;
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
            total = sum.fma(scale(rows.scales, groups + group), total);
        }
        total.intoArray(lanes, row * LANES + lane);
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
