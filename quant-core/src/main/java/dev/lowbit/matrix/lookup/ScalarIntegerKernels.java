package dev.lowbit.matrix.lookup;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The definition: codes one by one, the inputs themselves as tables. */
final class ScalarIntegerKernels implements IntegerKernels {
    private static final ValueLayout.OfShort WORD = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int bits;
    private final int span;

    ScalarIntegerKernels(int wordBits) {
        this.bits = wordBits;
        this.span = IntegerKernels.span(wordBits);
    }

    /** A byte for the input of each column. */
    @Override
    public int table() {
        return span;
    }

    /** The middle. */
    @Override
    public int head() {
        return 1;
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
        for (int i = 0; i < blocks * LookupShape.BLOCK_ROWS; i++) {
            int block = i / LookupShape.BLOCK_ROWS;
            int place = DomainKernels.shortOf(i % LookupShape.BLOCK_ROWS);
            int sum = MIDDLE;
            for (int k = 0; k < lookups * span; k++) {
                long index = ((long) block * lookups + k / span) * LookupShape.BLOCK_ROWS + place;
                int code = codes.get(WORD, codesAt + index * Short.BYTES) >> k % span * bits & (1 << bits) - 1;
                sum += (code - tables[0]) * tables[1 + k];
            }
            float scale = ScalarLookupKernels.bf16(scales, scalesAt, block, i % LookupShape.BLOCK_ROWS);
            y[yFrom + i] = Math.fma(Math.fma((float) sum, unit, base), scale, y[yFrom + i]);
        }
    }

    @Override
    public void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        ScalarLookupKernels.offsets(offsets, offsetsAt, inputs, y, yFrom, blocks);
    }

    @Override
    public void tables(float[] x, int xFrom, int words, float perUnit, int middle, byte[] tables) {
        tables[0] = (byte) middle;
        for (int k = 0; k < words * span; k++) {
            tables[1 + k] = (byte) IntegerKernels.rounded(x[xFrom + k], perUnit);
        }
    }
}
