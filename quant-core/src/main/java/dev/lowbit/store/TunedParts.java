package dev.lowbit.store;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Collections;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The parts of compressed matrices in which a model differs from the one that it was tuned from, known by their digests. */
public final class TunedParts {
    private static final String ADVICE = "; give the model that was tuned as the base";

    private final CompressedModel base;
    private final CompressedModel tuned;
    private final Map<String, PartEntry> before;
    private final SortedMap<String, PartEntry> changed = new TreeMap<>();

    private TunedParts(CompressedModel base, CompressedModel tuned) {
        this.base = base;
        this.tuned = tuned;
        this.before = base.manifest().partsByTensor();
    }

    /**
     * Compares two models.
     *
     * @param base the model before
     * @param tuned the model after: the same matrices in the same formats, all other tensors and files equal
     * @throws InvalidRequestException impossible, when they differ in something else than the numbers of compressed matrices, or in nothing
     */
    public static TunedParts of(CompressedModel base, CompressedModel tuned) {
        TunedParts parts = new TunedParts(base, tuned);
        parts.requireSameModel();
        parts.compare();
        return parts;
    }

    private void requireSameModel() {
        requireEqual(
                TunedParts::matrices,
                name -> "matrix " + name + " is " + kind(base, name) + " in " + base.directory() + " and "
                        + kind(tuned, name) + " in " + tuned.directory()
                        + ", and tuning changes numbers only; where tune --rank gave it a low-rank term, compress with"
                        + " --min-rank 1 and tune that");
        requireEqual(TunedParts::layout, name -> "tensor " + name + " is not in both models alike" + ADVICE);
        requireEqual(
                TunedParts::tensors,
                name -> "tensor " + name + " differs, and tuning changes compressed matrices only" + ADVICE);
        requireEqual(
                TunedParts::files,
                name -> "file " + name + " differs, and tuning changes compressed matrices only" + ADVICE);
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

    private void compare() {
        tuned.manifest().partsByTensor().forEach((name, part) -> {
            if (!part.sha256().equals(before.get(name).sha256())) {
                changed.put(name, part);
            }
        });
        if (changed.isEmpty()) {
            throw InvalidRequestException.impossible(tuned.directory() + " has the numbers of " + base.directory()
                    + ", so there is nothing to write; give a model that tune has changed");
        }
    }

    /** What the tuned model has in place of the base's parts, by the names of their tensors. */
    public SortedMap<String, PartEntry> changed() {
        return Collections.unmodifiableSortedMap(changed);
    }

    /**
     * The bytes of a changed part, after tuning.
     *
     * @throws MalformedFileException DAMAGED when they do not have their digest: damage must not live on in a file that nothing can check
     */
    public MemorySegment after(String tensor, Arena arena) {
        return intact(tuned, tensor, arena);
    }

    /** The bytes of a changed part before, as {@link #after}. */
    public MemorySegment before(String tensor, Arena arena) {
        return intact(base, tensor, arena);
    }

    private static MemorySegment intact(CompressedModel model, String tensor, Arena arena) {
        MemorySegment bytes = model.checkpointOfOthers().map(tensor, arena);
        model.requireIntact(tensor, Digest.sha256(bytes));
        return bytes;
    }
}
