package dev.lowbit.store;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Writes what tuning changed in a compressed model as one file, which {@link TaskFile} reads beside the model that was tuned. What the two have in
 * common is known by digests; only the parts that differ are read. The same models give the same bytes.
 */
public final class TaskWriter {
    private static final String ADVICE = "; give the model that was tuned as the base";

    private final CompressedModel base;
    private final CompressedModel tuned;

    private TaskWriter(CompressedModel base, CompressedModel tuned) {
        this.base = base;
        this.tuned = tuned;
    }

    /**
     * Writes the task; the file appears whole or not at all.
     *
     * @param base the model before
     * @param tuned the model after: the same matrices in the same formats, all other tensors and files equal
     * @throws InvalidRequestException impossible, when they differ in something else than the numbers of compressed matrices, or in nothing
     * @throws MalformedFileException when a part of the tuned model is damaged
     * @throws UncheckedIOException when the file cannot be written
     */
    public static void write(CompressedModel base, CompressedModel tuned, Path target) {
        TaskWriter writer = new TaskWriter(base, tuned);
        writer.requireSameModel();
        writer.write(target);
    }

    private void requireSameModel() {
        requireEqual(
                TaskWriter::matrices,
                name -> "matrix " + name + " is " + kind(base, name) + " in " + base.directory() + " and "
                        + kind(tuned, name) + " in " + tuned.directory()
                        + ", and a task changes numbers only; where tune --rank gave it a low-rank term, compress with"
                        + " --min-rank 1 and tune that");
        requireEqual(TaskWriter::layout, name -> "tensor " + name + " is not in both models alike" + ADVICE);
        requireEqual(
                TaskWriter::tensors,
                name -> "tensor " + name + " differs, and a task holds parts of compressed matrices only" + ADVICE);
        requireEqual(
                TaskWriter::files,
                name -> "file " + name + " differs, and a task holds parts of compressed matrices only" + ADVICE);
    }

    private void requireEqual(Function<Manifest, Map<String, String>> aspect, Function<String, String> refusal) {
        Map<String, String> before = aspect.apply(base.manifest());
        Map<String, String> after = aspect.apply(tuned.manifest());
        SortedSet<String> names = new TreeSet<>(before.keySet());
        names.addAll(after.keySet());
        for (String name : names) {
            if (!Objects.equals(before.get(name), after.get(name))) {
                throw InvalidRequestException.impossible(refusal.apply(name));
            }
        }
    }

    private static Map<String, String> matrices(Manifest manifest) {
        return manifest.matrices().stream()
                .collect(Collectors.toMap(
                        MatrixEntry::name,
                        entry -> entry.format() + " of " + entry.rows() + " x " + entry.columns()
                                + (entry.transposed() ? ", transposed" : "")
                                + entry.shared()
                                        .map(use -> ", parts in common " + use.id())
                                        .orElse("")));
    }

    private static String kind(CompressedModel model, String name) {
        return matrices(model.manifest()).getOrDefault(name, "not compressed");
    }

    private static Map<String, String> layout(Manifest manifest) {
        return manifest.partsByTensor().entrySet().stream()
                .collect(Collectors.toMap(
                        Map.Entry::getKey,
                        part -> part.getValue().type() + "" + part.getValue().shape()));
    }

    private static Map<String, String> tensors(Manifest manifest) {
        return manifest.tensors().stream().collect(Collectors.toMap(TensorEntry::name, TensorEntry::sha256));
    }

    /** Files without tensors. */
    private static Map<String, String> files(Manifest manifest) {
        Set<String> weights = new HashSet<>();
        manifest.owners().forEach(owner -> weights.add(owner.file()));
        manifest.tensors().forEach(tensor -> weights.add(tensor.file()));
        return manifest.files().stream()
                .filter(file -> !weights.contains(file.name()))
                .collect(Collectors.toMap(FileEntry::name, FileEntry::sha256));
    }

    private void write(Path target) {
        Map<String, PartEntry> before = base.manifest().partsByTensor();
        SortedMap<String, String> digests = new TreeMap<>();
        tuned.manifest().partsByTensor().forEach((name, part) -> {
            if (!part.sha256().equals(before.get(name).sha256())) {
                digests.put(name, part.sha256());
            }
        });
        if (digests.isEmpty()) {
            throw InvalidRequestException.impossible(tuned.directory() + " has the numbers of " + base.directory()
                    + ", so there is no task; give a model that tune has changed");
        }
        List<SafetensorsWriter.Entry> entries = digests.keySet().stream()
                .map(name -> new SafetensorsWriter.Entry(
                        name, before.get(name).type(), before.get(name).shape()))
                .sorted(SafetensorsWriter.Entry.ALIGNED)
                .toList();
        Map<String, String> metadata = new TaskHeader(base.digest(), digests).metadata();
        try (SafetensorsWriter writer = SafetensorsWriter.create(target, metadata, entries)) {
            for (SafetensorsWriter.Entry entry : entries) {
                append(entry.name(), digests.get(entry.name()), writer);
            }
            writer.finish();
        }
    }

    /** A damaged part must not live on in a file whose digests hold. */
    private void append(String name, String digest, SafetensorsWriter writer) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = tuned.checkpointOfOthers().map(name, arena);
            if (!Digest.sha256(bytes).equals(digest)) {
                throw new MalformedFileException(
                        tuned.checkpointOfOthers().info(name).file(),
                        -1,
                        Reason.DAMAGED,
                        "tensor " + name + " does not have the digest of the manifest; lowbit verify lists all damage");
            }
            writer.write(bytes);
        }
    }
}
