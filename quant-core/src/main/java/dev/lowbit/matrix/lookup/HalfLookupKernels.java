package dev.lowbit.matrix.lookup;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link LookupKernels} with lookups in 128 bits, whose one instruction knows 16 bytes: what machines with wider registers and no lookup in all of them have
 * too. Both halves of an index have a table. What was looked up becomes floats in registers as wide as there are ({@link DomainSums}).
 */
final class HalfLookupKernels implements LookupKernels {
    private static final VectorSpecies<Byte> B = ByteVector.SPECIES_128;
    private static final VectorSpecies<Short> S = ShortVector.SPECIES_128;
    private static final VectorSpecies<Integer> I = IntVector.SPECIES_128;
    private static final VectorSpecies<Float> F = FloatVector.SPECIES_128;
    private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;

    private static final int BYTES = B.length();
    private static final int SHORTS = S.length();
    private static final int FLOATS = F.length();
    private static final int HALF_BITS = 4;

    /** Rows whose sums are in registers at once. */
    private static final int ROWS = LookupShape.BLOCK_ROWS / 2;

    @Override
    public boolean halves() {
        return true;
    }

    /** As {@link VectorLookupKernels} does it, in one method for the reason given there. */
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
        long ofBlock = (long) lookups * LookupShape.BLOCK_ROWS;
        for (int half = 0; half < 2 * blocks; half++) {
            long at = codesAt + (half >> 1) * ofBlock + (half & 1) * ROWS;
            long end = at + ofBlock;
            ShortVector both0 = ShortVector.zero(S);
            ShortVector both1 = both0;
            ShortVector both2 = both0;
            ShortVector both3 = both0;
            ShortVector upper0 = both0;
            ShortVector upper1 = both0;
            ShortVector upper2 = both0;
            ShortVector upper3 = both0;
            int t = 0;
            for (; at < end; at += LookupShape.BLOCK_ROWS) {
                ByteVector first = ByteVector.fromArray(B, tables, t);
                ByteVector second = ByteVector.fromArray(B, tables, t + BYTES);
                ByteVector index = ByteVector.fromMemorySegment(B, codes, at, LITTLE);
                ShortVector low = index.selectFrom(first).reinterpretAsShorts();
                ShortVector high = index.reinterpretAsShorts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsShorts();
                both0 = both0.add(low).add(high);
                upper0 = upper0.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE))
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE));
                index = ByteVector.fromMemorySegment(B, codes, at + BYTES, LITTLE);
                low = index.selectFrom(first).reinterpretAsShorts();
                high = index.reinterpretAsShorts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsShorts();
                both1 = both1.add(low).add(high);
                upper1 = upper1.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE))
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE));
                index = ByteVector.fromMemorySegment(B, codes, at + 2 * BYTES, LITTLE);
                low = index.selectFrom(first).reinterpretAsShorts();
                high = index.reinterpretAsShorts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsShorts();
                both2 = both2.add(low).add(high);
                upper2 = upper2.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE))
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE));
                index = ByteVector.fromMemorySegment(B, codes, at + 3 * BYTES, LITTLE);
                low = index.selectFrom(first).reinterpretAsShorts();
                high = index.reinterpretAsShorts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsShorts();
                both3 = both3.add(low).add(high);
                upper3 = upper3.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE))
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE));
                t += LookupShape.HALF_TABLES;
            }
            // the lower bytes of the rows of these registers, then the upper: rows 0 to 15 beside 32 to 47, then 16 to
            // 31 beside 48 to 63
            both0.sub(upper0.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, 0);
            both1.sub(upper1.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, SHORTS);
            both2.sub(upper2.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, 2 * SHORTS);
            both3.sub(upper3.lanewise(VectorOperators.LSHL, Byte.SIZE)).intoArray(sums, 3 * SHORTS);
            upper0.intoArray(sums, 4 * SHORTS);
            upper1.intoArray(sums, 5 * SHORTS);
            upper2.intoArray(sums, 6 * SHORTS);
            upper3.intoArray(sums, 7 * SHORTS);
            DomainSums.add(sums, half * ROWS, ROWS, scales, scalesAt, unit, base, y, yFrom);
        }
    }

    @Override
    public void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        DomainSums.addOffsets(offsets, offsetsAt, inputs, y, yFrom, blocks);
    }

    /** For each column of a table and each code of its index the value of that column's code, in the order of {@link #entryOf}. */
    @Override
    public float[] levels(float[] values, int bits) {
        int span = HALF_BITS / bits;
        float[] levels = new float[span * BYTES];
        for (int i = 0; i < levels.length; i++) {
            levels[i] = values[entryOf(i % BYTES) >> i / BYTES * bits & values.length - 1];
        }
        return levels;
    }

    /** Entries 4 l + k of a table are in lane l of the k-th register of numbers, so that these become the bytes of one. */
    private static int entryOf(int number) {
        return number % FLOATS * FLOATS + number / FLOATS;
    }

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
        for (int table = 0; table < count; table++) {
            IntVector bytes = IntVector.zero(I);
            for (int k = 0; k < FLOATS; k++) {
                IntVector steps = IntVector.broadcast(I, HALF);
                for (int j = 0; j < span; j++) {
                    float input = x[xFrom + table * span + j];
                    float lowest = Math.min(input * least, input * most);
                    steps = steps.add(FloatVector.fromArray(F, levels, j * BYTES + k * FLOATS)
                            .mul(input)
                            .sub(lowest)
                            .mul(perUnit)
                            .add(0.5f)
                            .convert(VectorOperators.F2I, 0));
                }
                bytes = bytes.or(
                        steps.lanewise(VectorOperators.LSHR, Byte.SIZE).lanewise(VectorOperators.LSHL, k * Byte.SIZE));
            }
            bytes.reinterpretAsBytes().intoArray(tables, table * BYTES);
        }
    }
}
