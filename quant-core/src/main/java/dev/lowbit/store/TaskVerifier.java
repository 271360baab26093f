package dev.lowbit.store;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.UnsupportedModelException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Checks a task file by itself: its header, and every tensor against its digest. Whether it fits a model is what {@link TaskFile#open} checks. */
public final class TaskVerifier {
    private TaskVerifier() {}

    /** Whether a file says that it is a task. */
    public static boolean isTask(Path path) {
        if (!Files.isRegularFile(path)) {
            return false;
        }
        try (SafetensorsFile file = SafetensorsFile.open(path, Limits.defaults())) {
            return TaskHeader.isIn(file.metadata());
        } catch (MalformedFileException e) {
            // then whoever reads it as a checkpoint says what is wrong
            return false;
        }
    }

    /**
     * Checks everything.
     *
     * @return what is wrong, all of it
     * @throws UnsupportedModelException when a newer Lowbit wrote it
     */
    public static List<Finding> verify(Path path) {
        String name = path.toString();
        List<Finding> findings = new ArrayList<>();
        try (SafetensorsFile file = SafetensorsFile.open(path, Limits.defaults());
                Arena arena = Arena.ofConfined()) {
            TaskHeader header =
                    TaskHeader.read(path, file.metadata(), file.byName().keySet());
            for (TensorInfo tensor : file.tensors()) {
                if (!Digest.sha256(file.map(tensor.name(), arena))
                        .equals(header.digests().get(tensor.name()))) {
                    findings.add(new Finding(name, "tensor " + tensor.name() + " does not have its digest"));
                }
            }
        } catch (MalformedFileException e) {
            e.problems().forEach(problem -> findings.add(new Finding(name, problem.detail())));
        }
        return findings;
    }
}
