package dev.lowbit.jobs.verify;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.store.Finding;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Checks a checkpoint that nobody signed: that it can be read, and whether its weights are numbers. */
public final class PlainCheckpoint {
    private static final int CHUNK_VALUES = 1 << 16;

    private PlainCheckpoint() {}

    /**
     * Checks all headers, and the index and config.json against them.
     *
     * @param weights whether to read every weight as well
     * @return what is wrong, all of it
     */
    public static List<Finding> verify(Path path, boolean weights, ProgressListener progress) {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            checkpoint.warnings().forEach(progress::note);
            return weights ? nonFinite(checkpoint, progress) : List.of();
        } catch (MalformedFileException e) {
            return e.problems().stream()
                    .map(problem ->
                            new Finding(problem.file().toString(), problem.detail() + " (" + problem.reason() + ")"))
                    .toList();
        }
    }

    private static List<Finding> nonFinite(Checkpoint checkpoint, ProgressListener progress) {
        List<Finding> findings = new ArrayList<>();
        long bytes = checkpoint.names().stream()
                .mapToLong(name -> checkpoint.info(name).byteSize())
                .sum();
        try (ProgressListener.Stage stage = progress.stage("reading", bytes, "bytes")) {
            for (String name : checkpoint.names()) {
                TensorInfo tensor = checkpoint.info(name);
                long index = tensor.type().isWeight() ? firstNonFinite(checkpoint, tensor) : -1;
                if (index >= 0) {
                    findings.add(new Finding(
                            tensor.file().toString(),
                            "tensor " + name + " holds NaN or infinity at element " + index + " of " + tensor.shape()));
                }
                stage.advance(tensor.byteSize());
            }
        }
        return findings;
    }

    private static long firstNonFinite(Checkpoint checkpoint, TensorInfo tensor) {
        Conversions conversions = Conversions.get();
        int width = tensor.type().bytes();
        try (Arena arena = Arena.ofShared()) {
            MemorySegment raw = checkpoint.map(tensor.name(), arena);
            MemorySegment floats = arena.allocate((long) CHUNK_VALUES * Float.BYTES, Float.BYTES);
            for (long from = 0; from < tensor.elements(); from += CHUNK_VALUES) {
                long count = Math.min(CHUNK_VALUES, tensor.elements() - from);
                conversions.widen(tensor.type(), raw, from * width, floats, 0, count);
                long index = conversions.firstNonFinite(floats, 0, count);
                if (index >= 0) {
                    return from + index;
                }
            }
            return -1;
        }
    }
}
