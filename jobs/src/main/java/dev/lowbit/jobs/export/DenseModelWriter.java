package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.ConfigFile;
import dev.lowbit.store.FileEntry;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.PartEntry;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/**
 * Writes a compressed model as an ordinary one: the source's tensor names, orientation and order of files, every compressed
 * matrix dequantized, every other tensor and file as it is, config.json without its {@code quantization_config}. One matrix
 * is in memory at a time.
 */
final class DenseModelWriter {
    private static final String CONFIG = "config.json";
    private static final String INDEX = "model.safetensors.index.json";

    private final CompressedModel model;
    private final Checkpoint checkpoint;
    private final DType type;
    private final UnaryOperator<QuantizedMatrix> view;
    private final Map<String, String> metadata;
    private final Map<String, MatrixEntry> matrixOfPart = new LinkedHashMap<>();

    /** A tensor of the output: dequantized from {@code matrix}, or copied when that is null. */
    private record Planned(SafetensorsWriter.Entry entry, MatrixEntry matrix) {}

    /**
     * @param type element type of the dequantized matrices: F32, F16 or BF16
     * @param view what of a compressed matrix is written, same shape
     * @param metadata of every weight file
     */
    DenseModelWriter(
            CompressedModel model, DType type, UnaryOperator<QuantizedMatrix> view, Map<String, String> metadata) {
        this.model = model;
        this.checkpoint = model.checkpointOfOthers();
        this.type = type;
        this.view = view;
        this.metadata = metadata;
        for (MatrixEntry matrix : model.manifest().matrices()) {
            matrix.parts().forEach(part -> matrixOfPart.put(matrix.tensorName(part), matrix));
        }
    }

    /** Writes everything into an existing directory. */
    void write(Path directory, ProgressListener progress, Workers workers) {
        Map<Path, List<Planned>> files = new LinkedHashMap<>();
        checkpoint.files().forEach(file -> files.put(file, plan(file)));
        long bytes = files.values().stream()
                .flatMap(List::stream)
                .mapToLong(planned -> planned.entry().bytes())
                .sum();
        Set<String> written = new HashSet<>(Set.of(INDEX));
        Map<String, String> weightMap = new LinkedHashMap<>();
        try (ProgressListener.Stage stage = progress.stage("export", bytes, "bytes")) {
            files.forEach((file, tensors) -> {
                String name = file.getFileName().toString();
                written.add(name);
                tensors.forEach(tensor -> weightMap.put(tensor.entry().name(), name));
                writeFile(directory.resolve(name), tensors, stage, workers);
            });
        }
        if (files.size() > 1) {
            Map<String, Object> index = new LinkedHashMap<>();
            index.put("metadata", Map.of("total_size", bytes));
            index.put("weight_map", weightMap);
            AtomicOutput.writeString(directory.resolve(INDEX), JsonOutput.text(index) + "\n");
        }
        for (FileEntry file : model.manifest().files()) {
            if (!written.contains(file.name())) {
                copyFile(file.name(), directory);
            }
        }
    }

    private List<Planned> plan(Path file) {
        List<Planned> plan = new ArrayList<>();
        Set<MatrixEntry> seen = new HashSet<>();
        for (TensorInfo tensor : checkpoint.tensors(file)) {
            MatrixEntry matrix = matrixOfPart.get(tensor.name());
            if (matrix == null) {
                plan.add(new Planned(new SafetensorsWriter.Entry(tensor.name(), tensor.type(), tensor.shape()), null));
            } else if (seen.add(matrix)) {
                long rows = matrix.rows();
                long columns = matrix.columns();
                List<Long> shape = matrix.transposed() ? List.of(columns, rows) : List.of(rows, columns);
                plan.add(new Planned(new SafetensorsWriter.Entry(matrix.name(), type, shape), matrix));
            }
        }
        return plan;
    }

    private void writeFile(Path file, List<Planned> tensors, ProgressListener.Stage stage, Workers workers) {
        List<SafetensorsWriter.Entry> entries =
                tensors.stream().map(Planned::entry).toList();
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata, entries)) {
            for (Planned tensor : tensors) {
                if (tensor.matrix() == null) {
                    checkpoint.copyTo(tensor.entry().name(), new Appending(writer));
                } else {
                    writeMatrix(tensor.matrix(), writer, workers);
                }
                stage.advance(tensor.entry().bytes());
            }
            writer.finish();
        }
    }

    private void writeMatrix(MatrixEntry entry, SafetensorsWriter writer, Workers workers) {
        try (Arena arena = Arena.ofShared()) {
            QuantizedMatrix matrix = model.matrix(entry.name(), arena);
            requireUndamaged(entry, matrix);
            new DenseTensor(entry.name(), type, entry.transposed()).write(view.apply(matrix), writer, workers);
        }
    }

    /** A damaged model must not live on as an export that nothing can check. */
    private void requireUndamaged(MatrixEntry entry, QuantizedMatrix matrix) {
        List<Part> parts = matrix.parts();
        for (int i = 0; i < parts.size(); i++) {
            PartEntry expected = entry.parts().get(i);
            if (!Digest.sha256(parts.get(i).bytes()).equals(expected.sha256())) {
                throw new MalformedFileException(
                        model.directory().resolve(entry.file()),
                        -1,
                        Reason.DAMAGED,
                        "tensor " + entry.tensorName(expected)
                                + " does not have the digest of the manifest; lowbit verify lists all damage");
            }
        }
    }

    private void copyFile(String name, Path directory) {
        Path from = model.directory().resolve(name);
        Path to = directory.resolve(name);
        try {
            Files.createDirectories(to.getParent());
            if (name.equals(CONFIG)) {
                byte[] config = ConfigFile.withoutQuantization(Files.readAllBytes(from));
                AtomicOutput.write(to, stream -> stream.write(config));
            } else {
                AtomicOutput.write(to, stream -> Files.copy(from, stream));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot copy " + from + ": " + e.getMessage(), e);
        }
    }

    /** The writer as a channel. */
    private record Appending(SafetensorsWriter writer) implements WritableByteChannel {
        @Override
        public int write(ByteBuffer source) {
            int size = source.remaining();
            writer.write(source);
            return size;
        }

        @Override
        public boolean isOpen() {
            return true;
        }

        @Override
        public void close() {
            // the writer belongs to who opened it
        }
    }
}
