package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.MatrixEntry;
import java.util.List;

/** What stands for a compressed matrix in an export. */
interface MatrixForm {
    /** Its tensors, in the order in which they are written. */
    List<SafetensorsWriter.Entry> entries(MatrixEntry entry);

    /** Writes those tensors. */
    void write(MatrixEntry entry, QuantizedMatrix matrix, SafetensorsWriter writer, Workers workers);

    /**
     * The config.json beside it.
     *
     * @param config of the compressed model; not modified
     */
    byte[] config(byte[] config);
}
