package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.VectorWidth;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * {@link IntegerKernels} in registers: multipliers lie in memory as often as a register has lanes, because to spread one costs as much as to multiply by it. Words
 * are shifted in lanes of 32 bits and what comes from the next word is cut off, because the JVM (25) takes three instructions to shift lanes of 16 by a constant.
 */
final class VectorIntegerKernels implements IntegerKernels {
    private static final VectorSpecies<Short> S = VectorWidth.floats().withLanes(short.class);
    private static final VectorSpecies<Byte> B = VectorWidth.floats().withLanes(byte.class);
    private static final VectorSpecies<Integer> I = VectorWidth.floats().withLanes(int.class);
    private static final ByteOrder LITTLE = ByteOrder.LITTLE_ENDIAN;
    private static final int SHORTS = S.length();
    private static final int BYTES = B.length();

    /** Rows whose sums are in registers at once. */
    private static final int ROWS = 4 * SHORTS;

    private static final int PARTS = LookupShape.BLOCK_ROWS / ROWS;
    private static final int WORDS = LookupShape.BLOCK_ROWS * Short.BYTES;

    private final int bits;
    private final int span;

    VectorIntegerKernels(int wordBits) {
        this.bits = wordBits;
        this.span = IntegerKernels.span(wordBits);
    }

    @Override
    public int table() {
        return span * BYTES;
    }

    @Override
    public int head() {
        return BYTES;
    }

    @Override
    public void multiply(
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
            int blocks) {
        long ofBlock = (long) lookups * WORDS;
        for (int part = 0; part < blocks * PARTS; part++) {
            long at = codesAt + part / PARTS * ofBlock + part % PARTS * (long) (ROWS * Short.BYTES);
            if (bits == 2) {
                sumsOfTwoBits(codes, at, at + ofBlock, tables, sums);
            } else {
                sumsOfFourBits(codes, at, at + ofBlock, tables, sums);
            }
            DomainSums.add(sums, part * ROWS, ROWS, scales, scalesAt, unit, base, y, yFrom);
        }
    }

    /** By itself for the reason given in {@link VectorLookupKernels}. */
    private static void sumsOfFourBits(MemorySegment codes, long from, long end, byte[] tables, short[] sums) {
        ShortVector sum0 = ByteVector.fromArray(B, tables, 0).reinterpretAsShorts();
        ShortVector sum1 = sum0;
        ShortVector sum2 = sum0;
        ShortVector sum3 = sum0;
        IntVector rest = IntVector.broadcast(I, 0x0fff0fff);
        int t = BYTES;
        for (long at = from; at < end; at += WORDS) {
            ShortVector w0 = ByteVector.fromMemorySegment(B, codes, at, LITTLE).reinterpretAsShorts();
            ShortVector w1 =
                    ByteVector.fromMemorySegment(B, codes, at + BYTES, LITTLE).reinterpretAsShorts();
            ShortVector w2 = ByteVector.fromMemorySegment(B, codes, at + 2 * BYTES, LITTLE)
                    .reinterpretAsShorts();
            ShortVector w3 = ByteVector.fromMemorySegment(B, codes, at + 3 * BYTES, LITTLE)
                    .reinterpretAsShorts();
            for (int k = 0; k < Short.SIZE / 4; k++) {
                ShortVector x = ByteVector.fromArray(B, tables, t).reinterpretAsShorts();
                sum0 = sum0.add(w0.mul(x));
                sum1 = sum1.add(w1.mul(x));
                sum2 = sum2.add(w2.mul(x));
                sum3 = sum3.add(w3.mul(x));
                w0 = w0.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 4)
                        .and(rest)
                        .reinterpretAsShorts();
                w1 = w1.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 4)
                        .and(rest)
                        .reinterpretAsShorts();
                w2 = w2.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 4)
                        .and(rest)
                        .reinterpretAsShorts();
                w3 = w3.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 4)
                        .and(rest)
                        .reinterpretAsShorts();
                t += BYTES;
            }
        }
        sum0.intoArray(sums, 0);
        sum1.intoArray(sums, SHORTS);
        sum2.intoArray(sums, 2 * SHORTS);
        sum3.intoArray(sums, 3 * SHORTS);
    }

    /** The same; a shift whose distance is a variable would take two steps. */
    private static void sumsOfTwoBits(MemorySegment codes, long from, long end, byte[] tables, short[] sums) {
        ShortVector sum0 = ByteVector.fromArray(B, tables, 0).reinterpretAsShorts();
        ShortVector sum1 = sum0;
        ShortVector sum2 = sum0;
        ShortVector sum3 = sum0;
        IntVector rest = IntVector.broadcast(I, 0x3fff3fff);
        int t = BYTES;
        for (long at = from; at < end; at += WORDS) {
            ShortVector w0 = ByteVector.fromMemorySegment(B, codes, at, LITTLE).reinterpretAsShorts();
            ShortVector w1 =
                    ByteVector.fromMemorySegment(B, codes, at + BYTES, LITTLE).reinterpretAsShorts();
            ShortVector w2 = ByteVector.fromMemorySegment(B, codes, at + 2 * BYTES, LITTLE)
                    .reinterpretAsShorts();
            ShortVector w3 = ByteVector.fromMemorySegment(B, codes, at + 3 * BYTES, LITTLE)
                    .reinterpretAsShorts();
            for (int k = 0; k < Short.SIZE / 2; k++) {
                ShortVector x = ByteVector.fromArray(B, tables, t).reinterpretAsShorts();
                sum0 = sum0.add(w0.mul(x));
                sum1 = sum1.add(w1.mul(x));
                sum2 = sum2.add(w2.mul(x));
                sum3 = sum3.add(w3.mul(x));
                w0 = w0.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 2)
                        .and(rest)
                        .reinterpretAsShorts();
                w1 = w1.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 2)
                        .and(rest)
                        .reinterpretAsShorts();
                w2 = w2.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 2)
                        .and(rest)
                        .reinterpretAsShorts();
                w3 = w3.reinterpretAsInts()
                        .lanewise(VectorOperators.LSHR, 2)
                        .and(rest)
                        .reinterpretAsShorts();
                t += BYTES;
            }
        }
        sum0.intoArray(sums, 0);
        sum1.intoArray(sums, SHORTS);
        sum2.intoArray(sums, 2 * SHORTS);
        sum3.intoArray(sums, 3 * SHORTS);
    }

    @Override
    public void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        DomainSums.addOffsets(offsets, offsetsAt, inputs, y, yFrom, blocks);
    }

    @Override
    public void tables(float[] x, int xFrom, int words, float perUnit, int middle, byte[] tables) {
        int start = MIDDLE;
        for (int word = 0; word < words; word++) {
            int before = 0;
            for (int k = 0; k < span; k++) {
                int input = IntegerKernels.rounded(x[xFrom + word * span + k], perUnit);
                ShortVector.broadcast(S, (short) (input - (before << bits)))
                        .reinterpretAsBytes()
                        .intoArray(tables, BYTES * (1 + word * span + k));
                start -= middle * input;
                before = input;
            }
        }
        ShortVector.broadcast(S, (short) start).reinterpretAsBytes().intoArray(tables, 0);
    }
}
