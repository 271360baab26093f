package dev.lowbit.kernel;

import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Number formats to and from 32-bit floats. Segments may be unaligned, heap or native; all offsets are in bytes, counts in
 * elements, and bytes are little-endian. Source segments are not modified; source and target must not overlap.
 *
 * <p>Widening is exact, also for subnormals, and keeps the sign and payload of a NaN (payload bits stay at the top of the
 * mantissa); only F64 rounds, once, to nearest even. Narrowing rounds to nearest even, overflows to infinity and keeps NaN a
 * (quiet) NaN. All implementations give the same bits.
 */
public interface Conversions {
    /** The implementation in use. */
    static Conversions get() {
        return ConversionsHolder.INSTANCE;
    }

    /** IEEE half precision to float. */
    void widenF16(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);

    /** bfloat16 (the upper half of a float) to float. */
    void widenBf16(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);

    /** F8_E4M3 (bias 7, no infinity, 0x7f and 0xff are NaN) to float. */
    void widenF8E4m3(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);

    /** F8_E5M2 (the upper half of a half) to float. */
    void widenF8E5m2(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);

    /** Double to float. */
    void narrowF64(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);

    /** Float to IEEE half precision. */
    void narrowF16(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);

    /** Float to bfloat16. */
    void narrowBf16(MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count);

    /** Index of the first NaN or infinity among {@code count} floats at {@code offset}, -1 when all are finite. */
    long firstNonFinite(MemorySegment floats, long offset, long count);

    /** From {@code type} to float. */
    default void widen(
            DType type, MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        switch (type) {
            case F32 -> MemorySegment.copy(source, sourceOffset, target, targetOffset, count * Float.BYTES);
            case F16 -> widenF16(source, sourceOffset, target, targetOffset, count);
            case BF16 -> widenBf16(source, sourceOffset, target, targetOffset, count);
            case F8_E4M3 -> widenF8E4m3(source, sourceOffset, target, targetOffset, count);
            case F8_E5M2 -> widenF8E5m2(source, sourceOffset, target, targetOffset, count);
            case F64 -> narrowF64(source, sourceOffset, target, targetOffset, count);
            default -> throw new IllegalArgumentException(type + " is no weight type");
        }
    }

    /** From float to {@code type}, one of F32, F16, BF16. */
    default void narrow(
            DType type, MemorySegment source, long sourceOffset, MemorySegment target, long targetOffset, long count) {
        switch (type) {
            case F32 -> MemorySegment.copy(source, sourceOffset, target, targetOffset, count * Float.BYTES);
            case F16 -> narrowF16(source, sourceOffset, target, targetOffset, count);
            case BF16 -> narrowBf16(source, sourceOffset, target, targetOffset, count);
            default -> throw new IllegalArgumentException("floats are not narrowed to " + type);
        }
    }

    /**
     * Writes a band of a row-major matrix into its transpose.
     *
     * @param band {@code bandRows x columns} floats, dense; not modified
     * @param target the {@code columns x rows} transpose; columns {@code row} to {@code row + bandRows - 1} are modified
     * @param row the band's first row in the whole matrix
     * @param rows rows of the whole matrix
     */
    static void transpose(MemorySegment band, int bandRows, int columns, MemorySegment target, int row, int rows) {
        final int tile = 16;
        for (int c0 = 0; c0 < columns; c0 += tile) {
            int c1 = Math.min(columns, c0 + tile);
            for (int r0 = 0; r0 < bandRows; r0 += tile) {
                int r1 = Math.min(bandRows, r0 + tile);
                for (int c = c0; c < c1; c++) {
                    long to = (long) c * rows + row;
                    for (int r = r0; r < r1; r++) {
                        int bits = band.getAtIndex(ValueLayout.JAVA_INT_UNALIGNED, (long) r * columns + c);
                        target.setAtIndex(ValueLayout.JAVA_INT_UNALIGNED, to + r, bits);
                    }
                }
            }
        }
    }
}

final class ConversionsHolder {
    static final Conversions INSTANCE = KernelLookup.choose(ScalarConversions::new, VectorConversions::new);

    private ConversionsHolder() {}
}
