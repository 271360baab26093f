package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.MatrixEntry;
import java.util.List;

/** How an export holds the compressed matrices. */
interface ExportedMatrices {
    /** The tensors that stand for a matrix. */
    List<SafetensorsWriter.Entry> tensors(MatrixEntry entry);

    /** Writes them, in that order. */
    void write(MatrixEntry entry, QuantizedMatrix matrix, SafetensorsWriter writer, Workers workers);

    /** The export's config.json, made from that of the compressed model (not modified). */
    byte[] config(byte[] config);
}
