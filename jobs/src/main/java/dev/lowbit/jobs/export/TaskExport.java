package dev.lowbit.jobs.export;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.DirectorySize;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.OutputFile;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.TaskFile;
import dev.lowbit.store.TaskWriter;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.OptionalLong;

/**
 * What {@code tune} changed in a model as one file: the document of {@code --json}.
 *
 * @param format {@code task}
 * @param matrices that differ from the base's
 * @param tensors how many parts differ
 * @param taskBytes of these parts
 * @param bytes of all parts of the model
 * @param outputBytes of the file
 * @param seconds it took
 * @param peakMemoryBytes the process's peak resident memory, where the system tells
 */
public record TaskExport(
        String format,
        int matrices,
        int tensors,
        long taskBytes,
        long bytes,
        long outputBytes,
        double seconds,
        OptionalLong peakMemoryBytes) {
    /**
     * Writes the file, opens it again and says what it holds.
     *
     * @param base the model that was tuned
     * @param tuned the model that tune wrote
     * @param out the file to write
     * @throws InvalidRequestException when the output exists, is not called a .safetensors file or lies in a model, or when the models differ in more than
     *     numbers
     * @throws UncheckedIOException when a model cannot be read or the file not be written
     */
    public static TaskExport write(Path base, Path tuned, Path out) {
        long start = System.nanoTime();
        OutputFile.requireNew(out, "a task");
        OutputDirectory.requireOutside(base, out);
        OutputDirectory.requireOutside(tuned, out);
        try (CompressedModel before = CompressedModel.open(base)) {
            try (CompressedModel after = CompressedModel.open(tuned)) {
                TaskWriter.write(before, after, out);
            }
            try (TaskFile task = TaskFile.open(out, before)) {
                return new TaskExport(
                        "task",
                        task.names().size(),
                        task.size(),
                        task.bytes(),
                        before.manifest().bytes(),
                        DirectorySize.bytes(out),
                        (System.nanoTime() - start) / 1e9,
                        PeakMemory.bytes());
            }
        }
    }
}
