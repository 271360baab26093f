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

    /**
     * Bytes are added as {@link DomainSums#addBytes} says, because the JVM (25) takes three instructions to shift lanes of 16 bits by a constant and one to shift those of 32.
     * All in one method for the reason given in {@link VectorLookupKernels}; three operations in a method of their own made it five times as slow.
     */
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
            ShortVector sum0 = ShortVector.zero(S);
            ShortVector sum1 = sum0;
            ShortVector sum2 = sum0;
            ShortVector sum3 = sum0;
            ShortVector next0 = sum0;
            ShortVector next1 = sum0;
            ShortVector next2 = sum0;
            ShortVector next3 = sum0;
            int t = 0;
            for (; at < end; at += LookupShape.BLOCK_ROWS) {
                ByteVector first = ByteVector.fromArray(B, tables, t);
                ByteVector second = ByteVector.fromArray(B, tables, t + BYTES);
                ByteVector index = ByteVector.fromMemorySegment(B, codes, at, LITTLE);
                IntVector low = index.selectFrom(first).reinterpretAsInts();
                IntVector high = index.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsInts();
                sum0 = sum0.add(low.reinterpretAsShorts()).add(high.reinterpretAsShorts());
                next0 = next0.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts())
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts());
                index = ByteVector.fromMemorySegment(B, codes, at + BYTES, LITTLE);
                low = index.selectFrom(first).reinterpretAsInts();
                high = index.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsInts();
                sum1 = sum1.add(low.reinterpretAsShorts()).add(high.reinterpretAsShorts());
                next1 = next1.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts())
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts());
                index = ByteVector.fromMemorySegment(B, codes, at + 2 * BYTES, LITTLE);
                low = index.selectFrom(first).reinterpretAsInts();
                high = index.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsInts();
                sum2 = sum2.add(low.reinterpretAsShorts()).add(high.reinterpretAsShorts());
                next2 = next2.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts())
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts());
                index = ByteVector.fromMemorySegment(B, codes, at + 3 * BYTES, LITTLE);
                low = index.selectFrom(first).reinterpretAsInts();
                high = index.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, HALF_BITS)
                        .reinterpretAsBytes()
                        .selectFrom(second)
                        .reinterpretAsInts();
                sum3 = sum3.add(low.reinterpretAsShorts()).add(high.reinterpretAsShorts());
                next3 = next3.add(low.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts())
                        .add(high.lanewise(VectorOperators.LSHR, Byte.SIZE).reinterpretAsShorts());
                t += LookupShape.HALF_TABLES;
            }
            sum0.intoArray(sums, 0);
            sum1.intoArray(sums, SHORTS);
            sum2.intoArray(sums, 2 * SHORTS);
            sum3.intoArray(sums, 3 * SHORTS);
            next0.intoArray(sums, 4 * SHORTS);
            next1.intoArray(sums, 5 * SHORTS);
            next2.intoArray(sums, 6 * SHORTS);
            next3.intoArray(sums, 7 * SHORTS);
            DomainSums.addBytes(sums, half, scales, scalesAt, unit, base, y, yFrom);
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
