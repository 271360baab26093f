package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.ConfigFile;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.DType;
import java.util.List;
import java.util.function.UnaryOperator;

/**
 * Every compressed matrix dequantized, in the source's names and orientation; config.json without its {@code quantization_config}.
 *
 * @param type F32, F16 or BF16
 * @param view what of a compressed matrix is written, same shape
 */
record DenseMatrices(DType type, UnaryOperator<QuantizedMatrix> view) implements ExportedMatrices {
    @Override
    public List<SafetensorsWriter.Entry> tensors(MatrixEntry entry) {
        long rows = entry.rows();
        long columns = entry.columns();
        List<Long> shape = entry.transposed() ? List.of(columns, rows) : List.of(rows, columns);
        return List.of(new SafetensorsWriter.Entry(entry.name(), type, shape));
    }

    @Override
    public void write(MatrixEntry entry, QuantizedMatrix matrix, SafetensorsWriter writer, Workers workers) {
        new DenseTensor(entry.name(), type, entry.transposed()).write(view.apply(matrix), writer, workers);
    }

    @Override
    public byte[] config(byte[] config) {
        return ConfigFile.withoutQuantization(config);
    }
}
