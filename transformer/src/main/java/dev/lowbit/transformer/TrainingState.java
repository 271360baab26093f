package dev.lowbit.transformer;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a training loop needs to go on exactly where it was, as one safetensors file in F32: each parameter under its name, its
 * moments as {@code <name>.mean} and {@code <name>.square}, its steps in the metadata, beside notes of the loop and the digest of it
 * all.
 */
public final class TrainingState {
    private static final String STEPS = "steps:";
    private static final String NOTE = "note:";
    private static final String DIGEST = "sha256";

    private TrainingState() {}

    /** Writes the file whole or not at all. */
    public static void write(Path file, Map<String, FloatMatrix> values, Adam adam, Map<String, String> notes) {
        Map<String, FloatMatrix> all = new LinkedHashMap<>(values);
        Map<String, String> metadata = new TreeMap<>();
        notes.forEach((key, value) -> metadata.put(NOTE + key, value));
        new TreeMap<>(adam.moments()).forEach((name, moments) -> {
            all.put(name + ".mean", moments.mean());
            all.put(name + ".square", moments.square());
            metadata.put(STEPS + name, Integer.toString(moments.steps()));
        });
        metadata.put(DIGEST, digest(metadata, all.values()));
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        all.forEach((name, m) -> entries.add(
                new SafetensorsWriter.Entry(name, DType.F32, List.of((long) m.rows(), (long) m.columns()))));
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata, entries)) {
            all.values().forEach(matrix -> writer.write(matrix.segment()));
            writer.finish();
        }
    }

    /**
     * Reads the file back.
     *
     * @param values modified (overwritten): every one must be in the file in its shape
     * @param adam without memory of any parameter in the file; modified
     * @return the notes
     * @throws MalformedFileException when the file is not the state of these parameters
     */
    public static Map<String, String> read(Path file, Map<String, FloatMatrix> values, Adam adam) {
        Map<String, String> notes = new HashMap<>();
        try (SafetensorsFile state = SafetensorsFile.open(file, Limits.defaults())) {
            Map<String, FloatMatrix> all = new LinkedHashMap<>(values);
            values.forEach((name, matrix) -> copy(state, name, matrix));
            state.metadata().forEach((key, value) -> {
                if (key.startsWith(NOTE)) {
                    notes.put(key.substring(NOTE.length()), value);
                } else if (key.startsWith(STEPS)) {
                    String name = key.substring(STEPS.length());
                    adam.restore(name, moments(state, name, value, values.get(name)));
                }
            });
            new TreeMap<>(adam.moments()).forEach((name, moments) -> {
                all.put(name + ".mean", moments.mean());
                all.put(name + ".square", moments.square());
            });
            Map<String, String> metadata = new TreeMap<>(state.metadata());
            if (!digest(metadata, all.values()).equals(metadata.get(DIGEST))) {
                throw malformed(state, "does not have its own digest");
            }
        }
        return notes;
    }

    /** Over names and values of the metadata but itself, and the tensors in their order. */
    private static String digest(Map<String, String> metadata, Collection<FloatMatrix> tensors) {
        StringBuilder all = new StringBuilder();
        metadata.forEach((key, value) -> all.append(key.equals(DIGEST) ? "" : key + "=" + value + "\n"));
        tensors.forEach(tensor -> all.append(Digest.sha256(tensor.segment())).append('\n'));
        return Digest.sha256(all.toString().getBytes(StandardCharsets.UTF_8));
    }

    private static Adam.Moments moments(SafetensorsFile state, String name, String steps, FloatMatrix like) {
        if (like == null || !steps.matches("[0-9]{1,9}")) {
            throw malformed(state, "has no usable steps of " + name);
        }
        TensorInfo square = state.byName().get(name + ".square");
        boolean factored = square != null && square.shape().equals(List.of(1L, (long) like.rows() + like.columns()));
        Adam.Moments zero = factored
                ? Adam.Moments.zeroFactored(like.rows(), like.columns())
                : Adam.Moments.zero(like.rows(), like.columns());
        copy(state, name + ".mean", zero.mean());
        copy(state, name + ".square", zero.square());
        return new Adam.Moments(zero.mean(), zero.square(), Integer.parseInt(steps));
    }

    private static void copy(SafetensorsFile state, String name, FloatMatrix target) {
        TensorInfo info = state.byName().get(name);
        List<Long> shape = List.of((long) target.rows(), (long) target.columns());
        if (info == null || info.type() != DType.F32 || !info.shape().equals(shape)) {
            throw malformed(state, "does not hold " + name + " as F32 " + shape);
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment raw = state.map(name, arena);
            state.guard(() -> target.segment().copyFrom(raw));
        }
    }

    private static MalformedFileException malformed(SafetensorsFile state, String what) {
        return new MalformedFileException(
                state.path(), -1, MalformedFileException.Reason.DAMAGED, what + "; remove it and train again");
    }
}
