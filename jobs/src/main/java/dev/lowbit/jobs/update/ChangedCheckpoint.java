package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.compress.Cancellation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Writes a checkpoint once more with some tensors changed: same files, same order, same element types; every other tensor and file as it is. One
 * tensor is in memory at a time.
 *
 * @param base stays open as long as this is used
 * @param changes what is added to tensors that are there, by name
 */
record ChangedCheckpoint(Checkpoint base, Map<String, TensorChange> changes) {
    /** Writes everything into an existing directory. */
    void write(Path directory, ProgressListener progress) {
        long bytes = base.names().stream()
                .mapToLong(name -> base.info(name).byteSize())
                .sum();
        try (ProgressListener.Stage stage = progress.stage("merging", bytes, "bytes")) {
            for (Path file : base.files()) {
                writeFile(file, OutputDirectory.place(directory, base.nameOf(file)), stage);
            }
        }
        base.sidecars().forEach(file -> copy(file, directory));
        base.index().ifPresent(file -> copy(file, directory));
    }

    private void writeFile(Path from, Path to, ProgressListener.Stage stage) {
        List<TensorInfo> tensors = base.tensors(from);
        List<SafetensorsWriter.Entry> entries = tensors.stream()
                .map(tensor -> new SafetensorsWriter.Entry(tensor.name(), tensor.type(), tensor.shape()))
                .toList();
        try (SafetensorsWriter writer = SafetensorsWriter.create(to, base.metadata(from), entries)) {
            for (TensorInfo tensor : tensors) {
                Cancellation.check();
                try (Arena arena = Arena.ofShared()) {
                    MemorySegment stored = base.map(tensor.name(), arena);
                    TensorChange change = changes.get(tensor.name());
                    writer.write(change == null ? stored : changed(tensor, stored, change, arena));
                }
                stage.advance(tensor.byteSize());
            }
            writer.finish();
        }
    }

    private static MemorySegment changed(TensorInfo tensor, MemorySegment stored, TensorChange change, Arena arena) {
        MemorySegment floats = StoredFloats.widened(tensor.file(), tensor.name(), tensor.type(), stored, arena);
        change.addTo(floats);
        return StoredFloats.narrowed(tensor.name(), tensor.type(), floats, arena);
    }

    private static void copy(Path file, Path directory) {
        AtomicOutput.write(directory.resolve(file.getFileName()), stream -> Files.copy(file, stream));
    }
}
