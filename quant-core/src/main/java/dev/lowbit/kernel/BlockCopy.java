package dev.lowbit.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Copies blocks of row-major matrices into and out of packing buffers. Rows of a block are short (about 1 KiB), and there a
 * loop of vectors is three times as fast as a bulk copy per row of native memory; what lies in an array is copied as one ({@link FloatSpan}). Transposing goes through a strip of 16 rows that stays in the
 * first-level cache; that is three times as fast as element by element from memory.
 */
public final class BlockCopy {
    private static final VectorSpecies<Float> FLOATS = VectorWidth.floats();
    private static final int LANES = FLOATS.length();
    private static final ByteOrder ORDER = ByteOrder.nativeOrder();
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

    private static final int STRIP_ROWS = 16;
    private static final int STRIP_STRIDE = GemmKernel.MAX_ROWS + LANES;

    /** Floats of the scratch that the transposing copies need. */
    public static final int STRIP_FLOATS = STRIP_ROWS * STRIP_STRIDE;

    private BlockCopy() {}

    /**
     * Reads rows x columns floats that start at float {@code at} with {@code stride} floats from row to row.
     *
     * @param out receives them row-major with {@code outStride}; modified
     */
    public static void load(
            MemorySegment from, long at, long stride, int rows, int columns, float[] out, int outStride) {
        FloatSpan span = FloatSpan.of(from, at, length(stride, rows, columns));
        if (span.array() != null) {
            for (int i = 0; i < rows; i++) {
                System.arraycopy(span.array(), span.at(i * stride), out, i * outStride, columns);
            }
            return;
        }
        int whole = columns - columns % LANES;
        for (int i = 0; i < rows; i++) {
            long source = (at + i * stride) * Float.BYTES;
            int target = i * outStride;
            for (int j = 0; j < whole; j += LANES) {
                FloatVector.fromMemorySegment(FLOATS, from, source + (long) j * Float.BYTES, ORDER)
                        .intoArray(out, target + j);
            }
            for (int j = whole; j < columns; j++) {
                out[target + j] = from.get(FLOAT, source + (long) j * Float.BYTES);
            }
        }
    }

    /** The way back: writes rows x columns floats of {@code in} to {@code to} (modified). */
    public static void store(float[] in, int inStride, int rows, int columns, MemorySegment to, long at, long stride) {
        FloatSpan span = FloatSpan.of(to, at, length(stride, rows, columns));
        if (span.array() != null) {
            for (int i = 0; i < rows; i++) {
                System.arraycopy(in, i * inStride, span.array(), span.at(i * stride), columns);
            }
            return;
        }
        int whole = columns - columns % LANES;
        for (int i = 0; i < rows; i++) {
            int source = i * inStride;
            long target = (at + i * stride) * Float.BYTES;
            for (int j = 0; j < whole; j += LANES) {
                FloatVector.fromArray(FLOATS, in, source + j)
                        .intoMemorySegment(to, target + (long) j * Float.BYTES, ORDER);
            }
            for (int j = whole; j < columns; j++) {
                to.set(FLOAT, target + (long) j * Float.BYTES, in[source + j]);
            }
        }
    }

    /** From the first float of a block to its last. */
    private static long length(long stride, int rows, int columns) {
        return rows == 0 ? 0 : (rows - 1) * stride + columns;
    }

    /**
     * Reads the transpose of a block: {@code out[i][j]} is the float at {@code at + j * stride + i}.
     *
     * @param rows of the result, at most {@link GemmKernel#MAX_ROWS}
     * @param out receives them row-major with {@code outStride}; modified
     * @param strip scratch of {@link #STRIP_FLOATS}; modified
     */
    public static void loadTransposed(
            MemorySegment from,
            long at,
            long stride,
            int rows,
            int columns,
            float[] out,
            int outStride,
            float[] strip) {
        for (int first = 0; first < columns; first += STRIP_ROWS) {
            int count = Math.min(STRIP_ROWS, columns - first);
            load(from, at + first * stride, stride, count, rows, strip, STRIP_STRIDE);
            transpose(strip, 0, STRIP_STRIDE, rows, count, out, first, outStride);
        }
    }

    /** The way back: writes {@code in[i][j]} to the float at {@code at + j * stride + i}. */
    public static void storeTransposed(
            float[] in, int inStride, int rows, int columns, MemorySegment to, long at, long stride, float[] strip) {
        for (int first = 0; first < columns; first += STRIP_ROWS) {
            int count = Math.min(STRIP_ROWS, columns - first);
            transpose(in, first, inStride, count, rows, strip, 0, STRIP_STRIDE);
            store(strip, STRIP_STRIDE, count, rows, to, at + first * stride, stride);
        }
    }

    /** out[i][j] = in[j][i] for rows x columns of out. */
    private static void transpose(
            float[] in, int inAt, int inStride, int rows, int columns, float[] out, int outAt, int outStride) {
        for (int i = 0; i < rows; i++) {
            int target = outAt + i * outStride;
            for (int j = 0; j < columns; j++) {
                out[target + j] = in[inAt + j * inStride + i];
            }
        }
    }
}
