package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.DigestingChannel;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.FileEntry;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.SharedParts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Writes a compressed model for others: the source's files in their order, every compressed matrix as {@link ExportedMatrices} has it,
 * every other tensor and file as it is. One matrix is in memory at a time. All is compared with its digest on the way: a damaged model must not
 * live on as an export that nothing can check.
 */
final class ExportWriter {
    private static final String CONFIG = "config.json";
    private static final String INDEX = "model.safetensors.index.json";

    private final CompressedModel model;
    private final Checkpoint checkpoint;
    private final ExportedMatrices matrices;
    private final Map<String, String> metadata;
    private final Map<String, MatrixEntry> matrixOfPart = new LinkedHashMap<>();
    private final Set<String> shared = new HashSet<>();

    /** Tensors of the output: those of {@code matrix}, or a single one that is copied when that is null. */
    private record Planned(List<SafetensorsWriter.Entry> entries, MatrixEntry matrix) {
        long bytes() {
            return entries.stream().mapToLong(SafetensorsWriter.Entry::bytes).sum();
        }

        String origin() {
            return matrix == null ? "that of the model" : "one for " + matrix.name();
        }
    }

    /** @param metadata of every weight file */
    ExportWriter(CompressedModel model, ExportedMatrices matrices, Map<String, String> metadata) {
        this.model = model;
        this.checkpoint = model.checkpointOfOthers();
        this.matrices = matrices;
        this.metadata = metadata;
        for (MatrixEntry matrix : model.manifest().matrices()) {
            matrix.parts().forEach(part -> matrixOfPart.put(matrix.tensorName(part), matrix));
        }
        for (SharedParts set : model.manifest().shared()) {
            set.parts().forEach(part -> shared.add(set.tensorName(part)));
        }
    }

    /**
     * Writes everything into an existing directory.
     *
     * @throws InvalidRequestException impossible, and nothing is written, when two tensors would have one name
     */
    void write(Path directory, ProgressListener progress, Workers workers) {
        Map<Path, List<Planned>> files = new LinkedHashMap<>();
        checkpoint.files().forEach(file -> files.put(file, plan(file)));
        requireDistinct(files.values().stream().flatMap(List::stream).toList());
        long bytes = files.values().stream()
                .flatMap(List::stream)
                .mapToLong(Planned::bytes)
                .sum();
        Set<String> written = new HashSet<>(Set.of(INDEX));
        Map<String, String> weightMap = new LinkedHashMap<>();
        try (ProgressListener.Stage stage = progress.stage("export", bytes, "bytes")) {
            files.forEach((file, tensors) -> {
                String name = checkpoint.nameOf(file);
                written.add(name);
                tensors.forEach(planned -> planned.entries().forEach(entry -> weightMap.put(entry.name(), name)));
                writeFile(OutputDirectory.place(directory, name), tensors, stage, workers);
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
            if (matrix == null && !shared.contains(tensor.name())) {
                plan.add(new Planned(
                        List.of(new SafetensorsWriter.Entry(tensor.name(), tensor.type(), tensor.shape())), null));
            } else if (matrix != null && seen.add(matrix)) {
                plan.add(new Planned(matrices.tensors(matrix), matrix));
            }
        }
        return plan;
    }

    /** A tensor that is carried over may have the name that the format gives to one of a matrix, also in another file. */
    private static void requireDistinct(List<Planned> tensors) {
        Map<String, Planned> planned = new HashMap<>();
        for (Planned next : tensors) {
            for (SafetensorsWriter.Entry entry : next.entries()) {
                Planned other = planned.put(entry.name(), next);
                if (other != null) {
                    throw InvalidRequestException.impossible(
                            "the export would have two tensors " + entry.name() + ", "
                                    + other.origin() + " and " + next.origin()
                                    + "; a name belongs to one: export --to safetensors, or compress with --skip for that matrix");
                }
            }
        }
    }

    private void writeFile(Path file, List<Planned> plan, ProgressListener.Stage stage, Workers workers) {
        List<SafetensorsWriter.Entry> entries =
                plan.stream().flatMap(planned -> planned.entries().stream()).toList();
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata, entries)) {
            for (Planned planned : plan) {
                if (planned.matrix() == null) {
                    copyTensor(planned.entries().getFirst().name(), writer, stage);
                } else {
                    writeMatrix(planned.matrix(), writer, workers);
                    stage.advance(planned.bytes());
                }
            }
            writer.finish();
        }
    }

    private void writeMatrix(MatrixEntry entry, SafetensorsWriter writer, Workers workers) {
        try (Arena arena = Arena.ofShared()) {
            matrices.write(entry, model.intactMatrix(entry.name(), arena), writer, workers);
        }
    }

    private void copyTensor(String name, SafetensorsWriter writer, ProgressListener.Stage stage) {
        DigestingChannel channel = new DigestingChannel(writer, stage::advance);
        checkpoint.copyTo(name, channel);
        model.requireIntact(name, channel.hex());
    }

    private void copyFile(String name, Path directory) {
        Path from = model.directory().resolve(name);
        Path to = OutputDirectory.place(directory, name);
        try {
            if (name.equals(CONFIG)) {
                byte[] stored = Files.readAllBytes(from);
                model.requireIntactFile(name, Digest.sha256(stored));
                byte[] config = matrices.config(stored);
                AtomicOutput.write(to, stream -> stream.write(config));
            } else {
                model.requireIntactFile(name, AtomicOutput.copy(from, to));
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot copy " + from + ": " + e.getMessage(), e);
        }
    }
}
