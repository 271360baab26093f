package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * Writes a compressed matrix as a plain tensor, a band of rows at a time.
 *
 * @param name for messages
 * @param type F32, F16 or BF16
 * @param transposed whether the tensor is stored input-major; then the whole of it is in memory once
 */
record DenseTensor(String name, DType type, boolean transposed) {
    private static final long BAND_VALUES = 1 << 22;

    void write(QuantizedMatrix matrix, SafetensorsWriter writer, Workers workers) {
        int rows = matrix.rows();
        int columns = matrix.columns();
        int bandRows = Math.clamp(BAND_VALUES / columns, 1, rows);
        try (FloatMatrix band = FloatMatrix.allocate(bandRows, columns);
                Arena arena = Arena.ofShared()) {
            MemorySegment whole = transposed ? arena.allocate(4L * rows * columns, 64) : MemorySegment.NULL;
            for (int from = 0; from < rows; from += bandRows) {
                FloatMatrix part = band.rows(0, Math.min(bandRows, rows - from));
                matrix.dequantize(from, part, workers);
                if (transposed) {
                    Conversions.transpose(part.segment(), part.rows(), columns, whole, from, rows);
                } else {
                    write(part.segment(), writer);
                }
            }
            for (long from = 0; from < whole.byteSize(); from += 4 * BAND_VALUES) {
                write(whole.asSlice(from, Math.min(4 * BAND_VALUES, whole.byteSize() - from)), writer);
            }
        }
    }

    private void write(MemorySegment floats, SafetensorsWriter writer) {
        if (type == DType.F32) {
            writer.write(floats);
            return;
        }
        long count = floats.byteSize() / Float.BYTES;
        requireRange(Kernels.get().absMax(floats, 0, count));
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment narrow = arena.allocate(count * type.bytes(), Float.BYTES);
            Conversions.get().narrow(type, floats, 0, narrow, 0, count);
            writer.write(narrow);
        }
    }

    /** Rounding must not turn a finite weight into an infinite one. */
    private void requireRange(float largest) {
        // the smallest magnitude that rounds to infinity: half a unit above the largest finite value
        float overflow = type == DType.F16 ? 65520f : 0x1.ffp127f;
        if (largest >= overflow) {
            throw InvalidRequestException.impossible(String.format(
                    Locale.ROOT,
                    "%s: a weight of magnitude %g does not fit %s; use --dtype f32%s",
                    name,
                    largest,
                    type,
                    type == DType.F16 ? " or bf16" : ""));
        }
    }
}
