package dev.lowbit.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A dense row-major matrix of 32-bit floats, {@code rows x columns}, usually off-heap, addressed with 64-bit indices.
 *
 * <p>Convention of the whole project: a weight matrix is outputs x inputs; a batch is tokens x inputs. A matrix made by
 * {@link #allocate(int, int)} owns its memory and frees it in {@link #close()}; views and wrapped matrices own nothing and
 * their {@code close()} does nothing.
 */
public final class FloatMatrix implements AutoCloseable {
    private static final long ALIGNMENT_BYTES = 64;

    private final int rows;
    private final int columns;
    private final MemorySegment segment;
    private final Arena owned;

    private FloatMatrix(int rows, int columns, MemorySegment segment, Arena owned) {
        if (rows < 0 || columns < 0) {
            throw new IllegalArgumentException("a matrix needs non-negative sizes, got " + rows + " x " + columns);
        }
        if (segment.byteSize() != (long) rows * columns * Float.BYTES) {
            throw new IllegalArgumentException(
                    rows + " x " + columns + " floats do not fill a segment of " + segment.byteSize() + " bytes");
        }
        this.rows = rows;
        this.columns = columns;
        this.segment = segment;
        this.owned = owned;
    }

    /** A zeroed matrix in memory of its own, usable from any thread until {@link #close()}. */
    public static FloatMatrix allocate(int rows, int columns) {
        Arena arena = Arena.ofShared();
        try {
            return new FloatMatrix(rows, columns, allocateSegment(rows, columns, arena), arena);
        } catch (RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    /** A zeroed matrix that lives as long as {@code arena}. */
    public static FloatMatrix allocate(int rows, int columns, Arena arena) {
        return new FloatMatrix(rows, columns, allocateSegment(rows, columns, arena), null);
    }

    /** A view of {@code segment} (not copied, not owned), which must hold exactly rows * columns aligned floats. */
    public static FloatMatrix wrap(int rows, int columns, MemorySegment segment) {
        return new FloatMatrix(rows, columns, segment, null);
    }

    /** A heap matrix over {@code values} (not copied), row-major, of exactly rows * columns entries. */
    public static FloatMatrix wrap(int rows, int columns, float[] values) {
        return new FloatMatrix(rows, columns, MemorySegment.ofArray(values), null);
    }

    private static MemorySegment allocateSegment(int rows, int columns, Arena arena) {
        return LargeMemory.allocate(
                Math.multiplyExact((long) rows * columns, (long) Float.BYTES), ALIGNMENT_BYTES, arena);
    }

    public int rows() {
        return rows;
    }

    public int columns() {
        return columns;
    }

    /** rows * columns. */
    public long size() {
        return (long) rows * columns;
    }

    /** The floats, row-major and dense, in native byte order. */
    public MemorySegment segment() {
        return segment;
    }

    public float get(int row, int column) {
        return segment.getAtIndex(ValueLayout.JAVA_FLOAT, index(row, column));
    }

    public void set(int row, int column, float value) {
        segment.setAtIndex(ValueLayout.JAVA_FLOAT, index(row, column), value);
    }

    private long index(int row, int column) {
        if (row < 0 || row >= rows || column < 0 || column >= columns) {
            throw new IndexOutOfBoundsException(
                    "(" + row + ", " + column + ") in a " + rows + " x " + columns + " matrix");
        }
        return (long) row * columns + column;
    }

    /** A view of rows {@code from} to {@code from + count - 1}; shares memory, owns nothing. */
    public FloatMatrix rows(int from, int count) {
        long rowBytes = (long) columns * Float.BYTES;
        return new FloatMatrix(count, columns, segment.asSlice(from * rowBytes, count * rowBytes), null);
    }

    /** Copies every value of {@code source} (same shape, not modified) into this matrix (modified). */
    public void copyFrom(FloatMatrix source) {
        if (source.rows != rows || source.columns != columns) {
            throw new IllegalArgumentException(
                    "cannot copy " + source.rows + " x " + source.columns + " into " + rows + " x " + columns);
        }
        MemorySegment.copy(source.segment, 0, segment, 0, segment.byteSize());
    }

    /** All values in row-major order, on the heap. */
    public float[] toArray() {
        return segment.toArray(ValueLayout.JAVA_FLOAT);
    }

    /** Frees the memory when this matrix owns it; a second time does nothing. */
    @Override
    public void close() {
        if (owned != null && owned.scope().isAlive()) {
            owned.close();
        }
    }
}
