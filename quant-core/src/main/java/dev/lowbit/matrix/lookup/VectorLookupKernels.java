package dev.lowbit.matrix.lookup;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.function.IntUnaryOperator;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** {@link LookupKernels} with registers of 512 bits: a table of 64 bytes in one, of 256 in four. */
final class VectorLookupKernels implements LookupKernels {
    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_512;
    private static final VectorSpecies<Short> S = ShortVector.SPECIES_512;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_512;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_512;
    private static final VectorSpecies<Byte> B_QUARTER = ByteVector.SPECIES_128;
    private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

    private static final int BYTES = B.length();
    private static final int SHORTS = S.length();
    private static final int FLOATS = F.length();
    private static final int LOW_HALF = 0xffff;
    private static final int HIGH_HALF = 0xffff0000;

    /** Registers of 16-bit values in a block. */
    private static final int PARTS = LookupShape.BLOCK_ROWS / SHORTS;

    private static final short HIGH_BYTE = (short) 0xff00;

    /** How the table of an index is put together from the products of its columns, for each width of a code. */
    private static final Plan[] PLANS = new Plan[MAX_BITS + 1];

    static {
        for (int bits = 1; bits <= MAX_BITS; bits++) {
            PLANS[bits] = Plan.of(bits);
        }
    }

    /**
     * For the products of an index's columns with all levels, column after column: which of them to add for what. A register of 16-bit values holds the first 16 of them
     * in its even lanes and the others in its odd ones. All are numbers of lanes, register after register; kept as arrays, because vectors as objects are slow to load.
     *
     * @param parts registers of floats that the products fill
     * @param columns of each such lane: its column, which is a lane of the inputs
     * @param halfSpan columns of half an index
     * @param halves sums of these give the partial sums of the lower half of the index's columns, then of the upper
     * @param even the partial sums of the lower half for entries 0, 2, 4 ... of a register of the table
     * @param odd for 1, 3, 5 ...
     * @param registers of a table
     * @param upper the partial sums of the upper half for both, by register
     */
    private record Plan(
            int parts,
            int[] columns,
            int halfSpan,
            short[] halves,
            short[] even,
            short[] odd,
            int registers,
            short[] upper) {
        static Plan of(int bits) {
            int levels = 1 << bits;
            int span = Byte.SIZE / bits;
            int parts = Math.ceilDiv(span * levels, FLOATS);
            int[] columns = new int[parts * FLOATS];
            for (int i = 0; i < columns.length; i++) {
                columns[i] = Math.min(span - 1, i >> bits);
            }
            int halfSpan = Math.max(1, span / 2);
            int sums = 1 << halfSpan * bits;
            int registers = Math.ceilDiv(sums * sums, BYTES);
            short[] halves = shorts(halfSpan, i -> {
                int column = i / SHORTS;
                int lane = i % SHORTS;
                int half = lane / sums % 2;
                int code = lane % sums >> column * bits & levels - 1;
                int product = (half * halfSpan + column) * levels + code;
                return 2 * (product % FLOATS) + product / FLOATS;
            });
            return new Plan(
                    parts,
                    columns,
                    halfSpan,
                    halves,
                    shorts(1, i -> 2 * i % sums),
                    shorts(1, i -> (2 * i + 1) % sums),
                    registers,
                    shorts(registers, i -> sums + 2 * i / sums));
        }

        private static short[] shorts(int registers, IntUnaryOperator index) {
            short[] indices = new short[registers * SHORTS];
            for (int i = 0; i < indices.length; i++) {
                indices[i] = (short) index.applyAsInt(i);
            }
            return indices;
        }
    }

    @Override
    public void multiply(
            MemorySegment codes,
            long codesAt,
            int lookups,
            byte[] tables,
            int entries,
            MemorySegment scales,
            long scalesAt,
            float unit,
            float base,
            short[] sums,
            float[] y,
            int yFrom,
            int blocks) {
        if (entries == LookupShape.SMALL_TABLE) {
            multiplySmall(codes, codesAt, lookups, tables, scales, scalesAt, unit, base, sums, y, yFrom, blocks);
        } else {
            multiplyLarge(codes, codesAt, lookups, tables, scales, scalesAt, unit, base, sums, y, yFrom, blocks);
        }
    }

    /**
     * Bytes are added in pairs, the upper ones once more by themselves: what the lower ones sum to is the difference. All in one method on purpose: longer than 325
     * bytecodes HotSpot compiles it by itself, where as a short one it was inlined at times, ran out of the inlining its own vectors need, and took twice as long.
     */
    private static void multiplyLarge(
            MemorySegment codes,
            long codesAt,
            int lookups,
            byte[] tables,
            MemorySegment scales,
            long scalesAt,
            float unit,
            float base,
            short[] sums,
            float[] y,
            int yFrom,
            int blocks) {
        FloatVector units = FloatVector.broadcast(F, unit);
        FloatVector bases = FloatVector.broadcast(F, base);
        long at = codesAt;
        for (int block = 0; block < blocks; block++) {
            ShortVector both0 = ShortVector.zero(S);
            ShortVector both1 = both0;
            ShortVector upper0 = both0;
            ShortVector upper1 = both0;
            long end = at + (long) lookups * LookupShape.BLOCK_ROWS;
            int t = 0;
            for (; at < end; at += LookupShape.BLOCK_ROWS) {
                ByteVector table0 = ByteVector.fromArray(B, tables, t);
                ByteVector table1 = ByteVector.fromArray(B, tables, t + BYTES);
                ByteVector table2 = ByteVector.fromArray(B, tables, t + 2 * BYTES);
                ByteVector table3 = ByteVector.fromArray(B, tables, t + 3 * BYTES);
                ByteVector index0 = ByteVector.fromMemorySegment(B, codes, at, LITTLE);
                ByteVector index1 = ByteVector.fromMemorySegment(B, codes, at + BYTES, LITTLE);
                ShortVector found0 = index0.selectFrom(table0, table1)
                        .blend(index0.selectFrom(table2, table3), index0.lt((byte) 0))
                        .reinterpretAsShorts();
                ShortVector found1 = index1.selectFrom(table0, table1)
                        .blend(index1.selectFrom(table2, table3), index1.lt((byte) 0))
                        .reinterpretAsShorts();
                both0 = both0.add(found0);
                upper0 = upper0.add(found0.lanewise(VectorOperators.LSHR, Byte.SIZE));
                both1 = both1.add(found1);
                upper1 = upper1.add(found1.lanewise(VectorOperators.LSHR, Byte.SIZE));
                t += LookupShape.LARGE_TABLE;
            }
            both0.sub(upper0.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, 0);
            upper0.intoArray(sums, SHORTS);
            both1.sub(upper1.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, 2 * SHORTS);
            upper1.intoArray(sums, 3 * SHORTS);
            for (int part = 0; part < PARTS; part++) {
                long of = scalesAt + (long) (block * PARTS + part) * BYTES;
                int row = yFrom + block * LookupShape.BLOCK_ROWS + rowOf(part);
                IntVector pair = ShortVector.fromArray(S, sums, part * SHORTS).reinterpretAsInts();
                IntVector scale =
                        ByteVector.fromMemorySegment(B, scales, of, LITTLE).reinterpretAsInts();
                FloatVector low = (FloatVector) pair.and(LOW_HALF).convert(VectorOperators.I2F, 0);
                low.fma(units, bases)
                        .fma(
                                scale.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats(),
                                FloatVector.fromArray(F, y, row))
                        .intoArray(y, row);
                FloatVector high = (FloatVector)
                        pair.lanewise(VectorOperators.LSHR, Short.SIZE).convert(VectorOperators.I2F, 0);
                high.fma(units, bases)
                        .fma(scale.and(HIGH_HALF).reinterpretAsFloats(), FloatVector.fromArray(F, y, row + 2 * FLOATS))
                        .intoArray(y, row + 2 * FLOATS);
            }
        }
    }

    /** The same with the table of an index in one register. */
    private static void multiplySmall(
            MemorySegment codes,
            long codesAt,
            int lookups,
            byte[] tables,
            MemorySegment scales,
            long scalesAt,
            float unit,
            float base,
            short[] sums,
            float[] y,
            int yFrom,
            int blocks) {
        FloatVector units = FloatVector.broadcast(F, unit);
        FloatVector bases = FloatVector.broadcast(F, base);
        long at = codesAt;
        for (int block = 0; block < blocks; block++) {
            ShortVector both0 = ShortVector.zero(S);
            ShortVector both1 = both0;
            ShortVector upper0 = both0;
            ShortVector upper1 = both0;
            long end = at + (long) lookups * LookupShape.BLOCK_ROWS;
            int t = 0;
            for (; at < end; at += LookupShape.BLOCK_ROWS) {
                ByteVector entries = ByteVector.fromArray(B, tables, t);
                ShortVector found0 = ByteVector.fromMemorySegment(B, codes, at, LITTLE)
                        .selectFrom(entries)
                        .reinterpretAsShorts();
                ShortVector found1 = ByteVector.fromMemorySegment(B, codes, at + BYTES, LITTLE)
                        .selectFrom(entries)
                        .reinterpretAsShorts();
                both0 = both0.add(found0);
                upper0 = upper0.add(found0.lanewise(VectorOperators.LSHR, Byte.SIZE));
                both1 = both1.add(found1);
                upper1 = upper1.add(found1.lanewise(VectorOperators.LSHR, Byte.SIZE));
                t += LookupShape.SMALL_TABLE;
            }
            both0.sub(upper0.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, 0);
            upper0.intoArray(sums, SHORTS);
            both1.sub(upper1.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, 2 * SHORTS);
            upper1.intoArray(sums, 3 * SHORTS);
            for (int part = 0; part < PARTS; part++) {
                long of = scalesAt + (long) (block * PARTS + part) * BYTES;
                int row = yFrom + block * LookupShape.BLOCK_ROWS + rowOf(part);
                IntVector pair = ShortVector.fromArray(S, sums, part * SHORTS).reinterpretAsInts();
                IntVector scale =
                        ByteVector.fromMemorySegment(B, scales, of, LITTLE).reinterpretAsInts();
                FloatVector low = (FloatVector) pair.and(LOW_HALF).convert(VectorOperators.I2F, 0);
                low.fma(units, bases)
                        .fma(
                                scale.lanewise(VectorOperators.LSHL, Short.SIZE).reinterpretAsFloats(),
                                FloatVector.fromArray(F, y, row))
                        .intoArray(y, row);
                FloatVector high = (FloatVector)
                        pair.lanewise(VectorOperators.LSHR, Short.SIZE).convert(VectorOperators.I2F, 0);
                high.fma(units, bases)
                        .fma(scale.and(HIGH_HALF).reinterpretAsFloats(), FloatVector.fromArray(F, y, row + 2 * FLOATS))
                        .intoArray(y, row + 2 * FLOATS);
            }
        }
    }

    @Override
    public void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        FloatVector input = FloatVector.broadcast(F, inputs);
        for (int part = 0; part < blocks * PARTS; part++) {
            int row = yFrom + part / PARTS * LookupShape.BLOCK_ROWS + rowOf(part % PARTS);
            IntVector offset = ByteVector.fromMemorySegment(B, offsets, offsetsAt + (long) part * BYTES, LITTLE)
                    .reinterpretAsInts();
            offset.lanewise(VectorOperators.LSHL, Short.SIZE)
                    .reinterpretAsFloats()
                    .fma(input, FloatVector.fromArray(F, y, row))
                    .intoArray(y, row);
            offset.and(HIGH_HALF)
                    .reinterpretAsFloats()
                    .fma(input, FloatVector.fromArray(F, y, row + 2 * FLOATS))
                    .intoArray(y, row + 2 * FLOATS);
        }
    }

    /** The first row of a register of 16-bit values; its upper ones are 32 rows further. */
    private static int rowOf(int part) {
        return (part >> 1) * 4 * FLOATS + (part & 1) * FLOATS;
    }

    /** In one method for the reason that {@link #multiplyLarge} gives. */
    @Override
    public void codeTables(
            float[] x,
            int xFrom,
            int count,
            int span,
            int entries,
            int bits,
            float[] levels,
            float least,
            float most,
            float perUnit,
            byte[] tables) {
        Plan plan = PLANS[bits];
        int parts = plan.parts;
        int halfSpan = plan.halfSpan;
        int registers = plan.registers;
        int[] columns = plan.columns;
        short[] halfIndices = plan.halves;
        short[] upperIndices = plan.upper;
        int t = 0;
        for (int table = 0; table < count; table++) {
            IntVector inputs = FloatVector.fromArray(F, x, xFrom + table * span).reinterpretAsInts();
            FloatVector level = FloatVector.fromArray(F, levels, 0);
            IntVector pairs = IntVector.zero(I);
            for (int part = 0; part < parts; part++) {
                FloatVector input = IntVector.fromArray(I, columns, part * FLOATS)
                        .selectFrom(inputs)
                        .reinterpretAsFloats();
                FloatVector lowest = input.mul(least).min(input.mul(most));
                IntVector steps = (IntVector)
                        input.mul(level).sub(lowest).mul(perUnit).add(0.5f).convert(VectorOperators.F2I, 0);
                pairs = pairs.or(steps.lanewise(VectorOperators.LSHL, part * Short.SIZE));
            }
            ShortVector all = pairs.reinterpretAsShorts();
            ShortVector halves = ShortVector.fromArray(S, halfIndices, 0).selectFrom(all);
            for (int j = 1; j < halfSpan; j++) {
                halves = halves.add(
                        ShortVector.fromArray(S, halfIndices, j * SHORTS).selectFrom(all));
            }
            ShortVector even =
                    ShortVector.fromArray(S, plan.even, 0).selectFrom(halves).add((short) HALF);
            ShortVector odd =
                    ShortVector.fromArray(S, plan.odd, 0).selectFrom(halves).add((short) HALF);
            for (int register = 0; register < registers; register++) {
                ShortVector upper = ShortVector.fromArray(S, upperIndices, register * SHORTS)
                        .selectFrom(halves);
                even.add(upper)
                        .lanewise(VectorOperators.LSHR, Byte.SIZE)
                        .or(odd.add(upper).and(HIGH_BYTE))
                        .reinterpretAsBytes()
                        .intoArray(tables, t);
                t += BYTES;
            }
        }
    }

    @Override
    public void bounds(float[] values, int from, int count, float[] bounds) {
        FloatVector least = FloatVector.broadcast(F, Float.POSITIVE_INFINITY);
        FloatVector most = FloatVector.broadcast(F, Float.NEGATIVE_INFINITY);
        int i = from;
        for (; i <= from + count - FLOATS; i += FLOATS) {
            FloatVector some = FloatVector.fromArray(F, values, i);
            least = least.min(some);
            most = most.max(some);
        }
        float smallest = least.reduceLanes(VectorOperators.MIN);
        float largest = most.reduceLanes(VectorOperators.MAX);
        for (; i < from + count; i++) {
            smallest = Math.min(smallest, values[i]);
            largest = Math.max(largest, values[i]);
        }
        bounds[0] = smallest;
        bounds[1] = largest;
    }

    @Override
    public void quantize(float[] values, int from, int count, float least, float perUnit, byte[] tables, int table) {
        int i = 0;
        for (; i <= count - FLOATS; i += FLOATS) {
            IntVector units = (IntVector) FloatVector.fromArray(F, values, from + i)
                    .sub(least)
                    .mul(perUnit)
                    .add(0.5f)
                    .convert(VectorOperators.F2I, 0);
            ((ByteVector) units.convertShape(VectorOperators.I2B, B_QUARTER, 0)).intoArray(tables, table + i);
        }
        for (; i < count; i++) {
            tables[table + i] = (byte) (int) ((values[from + i] - least) * perUnit + 0.5f);
        }
    }
}
