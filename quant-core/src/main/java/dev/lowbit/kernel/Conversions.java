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
    /** Rows and columns of the tiles of {@link #transpose}: a row of floats is a cache line. */
    int TILE = 16;

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
        // a tile is read along its rows and written along its columns, whole cache lines both times: walking one of the
        // two
        // across memory instead loses every line again when the row length is a power of two
        float[] tile = new float[TILE * TILE];
        for (int c = 0; c < columns; c += TILE) {
            for (int r = 0; r < bandRows; r += TILE) {
                int width = Math.min(TILE, columns - c);
                int height = Math.min(TILE, bandRows - r);
                loadTile(band, (long) r * columns + c, columns, height, width, tile);
                storeTile(tile, target, (long) c * rows + row + r, rows, height, width);
            }
        }
    }

    private static void loadTile(MemorySegment source, long at, int stride, int height, int width, float[] tile) {
        for (int r = 0; r < height; r++) {
            long from = at + (long) r * stride;
            for (int c = 0; c < width; c++) {
                tile[r * TILE + c] = source.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, from + c);
            }
        }
    }

    private static void storeTile(float[] tile, MemorySegment target, long at, int stride, int height, int width) {
        for (int c = 0; c < width; c++) {
            long to = at + (long) c * stride;
            for (int r = 0; r < height; r++) {
                target.setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, to + r, tile[r * TILE + c]);
            }
        }
    }
}

final class ConversionsHolder {
    static final Conversions INSTANCE = KernelLookup.choose(ScalarConversions::new, () -> new VectorConversions());

    private ConversionsHolder() {}
}
