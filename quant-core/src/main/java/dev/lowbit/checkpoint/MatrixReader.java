package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;

/**
 * Widens one stored matrix to float through a window that is mapped, converted and unmapped again, so that a matrix costs
 * its float form and a few megabytes of mapping, whatever its size on disk.
 */
final class MatrixReader {
    private static final long WINDOW_BYTES = 8L << 20;

    private final SafetensorsFile file;
    private final TensorInfo tensor;
    private final int rows;
    private final int columns;
    private final Conversions conversions = Conversions.get();

    private MatrixReader(SafetensorsFile file, TensorInfo tensor) {
        if (!tensor.isMatrix()) {
            throw InvalidRequestException.usage("tensor " + OneLine.quote(tensor.name()) + " is " + tensor.type() + " "
                    + tensor.shape() + "; a two-dimensional weight is needed");
        }
        this.file = file;
        this.tensor = tensor;
        this.rows = dimension(0);
        this.columns = dimension(1);
    }

    private int dimension(int axis) {
        long size = tensor.shape().get(axis);
        if (size > Integer.MAX_VALUE) {
            throw InvalidRequestException.impossible("tensor " + OneLine.quote(tensor.name()) + " has a dimension of "
                    + size + ", at most 2^31-1 is supported");
        }
        return (int) size;
    }

    static FloatMatrix read(SafetensorsFile file, TensorInfo tensor, boolean transposed) {
        MatrixReader reader = new MatrixReader(file, tensor);
        FloatMatrix result = transposed
                ? FloatMatrix.allocate(reader.columns, reader.rows)
                : FloatMatrix.allocate(reader.rows, reader.columns);
        try {
            file.read(channel -> {
                if (transposed) {
                    reader.readTransposed(channel, result.segment());
                } else {
                    reader.readStraight(channel, result.segment());
                }
                return null;
            });
            return result;
        } catch (RuntimeException | Error e) {
            result.close();
            throw e;
        }
    }

    private void readStraight(FileChannel channel, MemorySegment target) throws IOException {
        long elements = (long) rows * columns;
        long window = WINDOW_BYTES / tensor.type().bytes();
        for (long from = 0; from < elements; from += window) {
            widen(channel, from, Math.min(window, elements - from), target, from * Float.BYTES);
        }
    }

    private void readTransposed(FileChannel channel, MemorySegment target) throws IOException {
        int band = (int) Math.max(1, Math.min(rows, WINDOW_BYTES / Float.BYTES / Math.max(1, columns)));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment straight = arena.allocate((long) band * columns * Float.BYTES, Float.BYTES);
            for (int row = 0; row < rows; row += band) {
                int count = Math.min(band, rows - row);
                widen(channel, (long) row * columns, (long) count * columns, straight, 0);
                Conversions.transpose(straight, count, columns, target, row, rows);
            }
        }
    }

    /** Widens {@code count} elements from element {@code from} into {@code target}, and refuses what is not finite. */
    private void widen(FileChannel channel, long from, long count, MemorySegment target, long targetOffset)
            throws IOException {
        DType type = tensor.type();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment source = file.map(channel, tensor, from * type.bytes(), count * type.bytes(), arena);
            conversions.widen(type, source, 0, target, targetOffset, count);
        }
        long bad = conversions.firstNonFinite(target, targetOffset, count);
        if (bad >= 0) {
            long at = from + bad;
            throw new MalformedFileException(
                    tensor.file(),
                    tensor.offsetBytes() + at * type.bytes(),
                    Reason.NON_FINITE,
                    "tensor " + OneLine.quote(tensor.name())
                            + " holds a NaN, an infinity or a number beyond 32-bit range at row " + at / columns
                            + ", column " + at % columns + "; weights must be finite");
        }
    }
}
