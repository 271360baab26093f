package dev.lowbit.store;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A task of a compressed model, opened read-only: the parts that tuning changed, for a sketch its tables. All others are the model's own, so that
 * any number of tasks share one set of codes. {@link TaskWriter} writes them. Usable from several threads.
 */
public final class TaskFile implements AutoCloseable {
    private final Path file;
    private final CompressedModel base;
    private final Map<String, Part> parts = new LinkedHashMap<>();
    private final Map<String, QuantizedMatrix> matrices = new ConcurrentHashMap<>();
    private final Arena arena = Arena.ofShared();

    private TaskFile(Path file, CompressedModel base) {
        this.file = file;
        this.base = base;
    }

    /**
     * Opens a task and compares every tensor with the model and with its digest.
     *
     * @param base what it was made for; must outlive the result
     * @throws MalformedFileException when it is no task file, a tensor is no part of the model, has another type or shape or is damaged
     * @throws UnsupportedModelException when a newer Lowbit wrote it
     * @throws InvalidRequestException impossible, when it was made for another model
     * @throws UncheckedIOException when it cannot be read
     */
    public static TaskFile open(Path file, CompressedModel base) {
        TaskFile task = new TaskFile(file, base);
        try (SafetensorsFile source = SafetensorsFile.open(file, Limits.defaults())) {
            TaskHeader header =
                    TaskHeader.read(file, source.metadata(), source.byName().keySet());
            if (!header.base().equals(base.digest())) {
                throw InvalidRequestException.impossible(file + " was made for another model than " + base.directory()
                        + ": for one whose " + Manifest.FILE + " has the SHA-256 " + header.base());
            }
            Map<String, PartEntry> known = base.manifest().partsByTensor();
            for (TensorInfo tensor : source.tensors()) {
                task.add(source, tensor, known.get(tensor.name()), header);
            }
            return task;
        } catch (RuntimeException | Error e) {
            task.close();
            throw e;
        }
    }

    private void add(SafetensorsFile source, TensorInfo tensor, PartEntry known, TaskHeader header) {
        if (known == null) {
            throw bad(Reason.BAD_TASK, "holds tensor " + tensor.name() + ", which is no part of a matrix of its model");
        }
        if (tensor.type() != known.type() || !tensor.shape().equals(known.shape())) {
            throw bad(
                    Reason.BAD_TASK,
                    "holds " + tensor.type() + tensor.shape() + " for " + tensor.name() + ", the model has "
                            + known.type() + known.shape());
        }
        Part part = new Part(known.name(), tensor.type(), tensor.shape(), source.map(tensor.name(), arena));
        source.guard(() -> {
            if (!Digest.sha256(part.bytes()).equals(header.digests().get(tensor.name()))) {
                throw bad(
                        Reason.DAMAGED, "tensor " + tensor.name() + " does not have its digest; fetch the file again");
            }
        });
        parts.put(tensor.name(), part);
    }

    private MalformedFileException bad(Reason reason, String detail) {
        return new MalformedFileException(file, -1, reason, detail);
    }

    /** The model that it belongs to. */
    public CompressedModel base() {
        return base;
    }

    /** How many parts it has. */
    public int size() {
        return parts.size();
    }

    /** Stored bytes of its parts. */
    public long bytes() {
        return parts.values().stream()
                .mapToLong(part -> part.bytes().byteSize())
                .sum();
    }

    /** Names of the matrices that it changes, in manifest order. */
    public List<String> names() {
        return base.names().stream().filter(name -> !parts(name).isEmpty()).toList();
    }

    /**
     * A matrix of the model as the task has it, outputs x inputs: with the mapped parts of this file, and for the rest those that the model's own matrix
     * has. Where the task changes nothing it is the model's own matrix. The same object each time, valid until this or the model closes.
     *
     * @throws InvalidRequestException when the model has no such matrix
     * @throws MalformedFileException when a part holds what cannot be
     */
    public QuantizedMatrix matrix(String name) {
        return matrices.computeIfAbsent(name, this::read);
    }

    private QuantizedMatrix read(String name) {
        MatrixEntry entry = base.entry(name);
        QuantizedMatrix own = base.matrix(name);
        Map<String, Part> changed = parts(name);
        if (changed.isEmpty()) {
            return own;
        }
        Map<String, Part> all = new LinkedHashMap<>();
        own.parts().forEach(part -> all.put(part.name(), part));
        all.putAll(changed);
        try {
            return base.guarded(entry, () -> MatrixFormats.read(entry.format(), entry.rows(), entry.columns(), all));
        } catch (MalformedPartException e) {
            throw new MalformedFileException(file, -1, Reason.DAMAGED, name + ": " + e.getMessage(), e);
        }
    }

    /** What the task has for a matrix, by the part's name inside of it. */
    private Map<String, Part> parts(String name) {
        Map<String, Part> changed = new HashMap<>();
        base.manifest().tensorsOf(base.entry(name)).forEach((part, tensor) -> {
            if (parts.containsKey(tensor)) {
                changed.put(part, parts.get(tensor));
            }
        });
        return changed;
    }

    /** Unmaps the parts; the model's own matrices live on. A second time does nothing. */
    @Override
    public void close() {
        matrices.clear();
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }
}
