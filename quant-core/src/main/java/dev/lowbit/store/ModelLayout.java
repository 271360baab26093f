package dev.lowbit.store;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Everything about an output that is known before anything is compressed: its files, what each holds, and the exact bytes of
 * each and of the whole directory. {@link ModelWriter} writes exactly this.
 */
public final class ModelLayout {
    private static final String ZERO_DIGEST = "0".repeat(64);
    private static final MeasuredError UNKNOWN = new MeasuredError(0, 0, 0);
    private static final Pattern SHARED_ID = Pattern.compile("[a-z0-9]+(-[a-z0-9]+)*");
    private static final String CONFIG = "config.json";
    private static final String SINGLE = "model.safetensors";
    private static final String INDEX = "model.safetensors.index.json";

    private final Checkpoint source;
    private final Optional<CompressedModel> tuned;
    private final CompressionJob job;
    private final List<MatrixEntry> matrices = new ArrayList<>();
    private final List<SharedParts> shared = new ArrayList<>();
    private final List<WeightFile> weightFiles = new ArrayList<>();
    private final Map<String, byte[]> texts = new TreeMap<>();
    private final Map<String, Path> copies = new TreeMap<>();
    private final Map<String, Long> sizes = new TreeMap<>();

    private ModelLayout(Checkpoint source, Optional<CompressedModel> tuned, CompressionJob job) {
        this.source = source;
        this.tuned = tuned;
        this.job = job;
    }

    /**
     * Lays out the output of a job.
     *
     * @param source must stay open as long as the layout is used
     * @param choices the matrices to compress, each once; all other tensors are carried over
     * @throws InvalidRequestException when a choice names no matrix of the source, or two output tensors or files would have
     *     one name
     */
    public static ModelLayout of(Checkpoint source, CompressionJob job, List<MatrixChoice> choices) {
        ModelLayout layout = new ModelLayout(source, Optional.empty(), job);
        Map<String, Integer> chosen = new HashMap<>();
        for (MatrixChoice choice : choices) {
            if (chosen.put(choice.name(), chosen.size()) != null) {
                throw InvalidRequestException.usage("matrix " + choice.name() + " is chosen twice");
            }
        }
        layout.addMatrices(choices);
        return layout.withFiles(chosen, Set.of());
    }

    /**
     * Lays out a model whose matrices the source holds in another compressed form.
     *
     * @param source must stay open as long as the layout is used
     * @param matrices of tensors that are there, each in one place; all other tensors are carried over
     * @throws InvalidRequestException when two output tensors or files would have one name
     */
    public static ModelLayout ofForeign(Checkpoint source, CompressionJob job, List<ForeignMatrix> matrices) {
        ModelLayout layout = new ModelLayout(source, Optional.empty(), job);
        Map<Path, String> files = layout.fileNames();
        Map<String, Integer> places = new HashMap<>();
        Set<String> replaced = new HashSet<>();
        for (ForeignMatrix matrix : matrices) {
            String place = matrix.tensors().getFirst();
            TensorInfo info = source.info(place);
            places.put(place, layout.matrices.size());
            replaced.addAll(matrix.tensors());
            layout.addMatrix(matrix.choice(), files.get(info.file()), matrix.rows(), matrix.columns(), info.type());
        }
        return layout.withFiles(places, replaced);
    }

    /**
     * Lays out a compressed model once more, for other content of its parts: same files and tensors, same formats but for those given.
     *
     * @param model must stay open as long as the layout is used
     * @param formats new format identifiers of some of its matrices, by name
     */
    public static ModelLayout of(CompressedModel model, CompressionJob job, Map<String, String> formats) {
        ModelLayout layout = new ModelLayout(model.checkpointOfOthers(), Optional.of(model), job);
        Map<String, Integer> places = new HashMap<>();
        Set<String> replaced = new HashSet<>();
        for (SharedParts set : model.manifest().shared()) {
            set.parts().forEach(part -> replaced.add(set.tensorName(part)));
        }
        for (MatrixEntry matrix : model.manifest().matrices()) {
            places.put(matrix.tensorName(matrix.parts().getFirst()), layout.matrices.size());
            matrix.parts().forEach(part -> replaced.add(matrix.tensorName(part)));
            String format = formats.getOrDefault(matrix.name(), matrix.format());
            int rank = MatrixFormats.parse(format).rank();
            MatrixChoice choice = new MatrixChoice(
                    matrix.name(),
                    matrix.transposed(),
                    matrix.method(),
                    format,
                    rank,
                    matrix.shared().map(SharedUse::id));
            layout.addMatrix(choice, matrix.file(), matrix.rows(), matrix.columns(), matrix.sourceType());
        }
        return layout.withFiles(places, replaced);
    }

    private void addMatrices(List<MatrixChoice> choices) {
        Map<Path, String> files = fileNames();
        for (MatrixChoice choice : choices) {
            TensorInfo info = source.info(choice.name());
            if (!info.isMatrix()) {
                throw InvalidRequestException.usage("tensor " + choice.name() + " is " + info.type() + info.shape()
                        + "; only two-dimensional weights can be compressed");
            }
            int first = dimension(info, 0);
            int second = dimension(info, 1);
            int rows = choice.transposed() ? second : first;
            int columns = choice.transposed() ? first : second;
            addMatrix(choice, files.get(info.file()), rows, columns, info.type());
        }
    }

    private void addMatrix(MatrixChoice choice, String file, int rows, int columns, DType sourceType) {
        MatrixFormat format = MatrixFormats.parse(choice.format());
        List<PartEntry> parts = new ArrayList<>();
        List<PartEntry> common = new ArrayList<>();
        for (PartSpec part : format.layout(rows, columns)) {
            boolean isShared = choice.shared().isPresent() && format.shareable().contains(part.name());
            (isShared ? common : parts).add(unmeasured(part));
        }
        choice.shared().ifPresent(id -> addShared(id, common, choice));
        matrices.add(new MatrixEntry(
                choice.name(),
                file,
                rows,
                columns,
                choice.transposed(),
                sourceType,
                choice.method(),
                choice.format(),
                choice.rank(),
                Optional.of(UNKNOWN),
                choice.shared().map(id -> new SharedUse(id, 0)),
                parts));
    }

    /** A set of shared parts stands in the first weight file. */
    private void addShared(String id, List<PartEntry> parts, MatrixChoice choice) {
        if (parts.isEmpty() || !SHARED_ID.matcher(id).matches()) {
            throw new IllegalArgumentException(
                    choice.name() + ": " + choice.format() + " has no parts to be shared as '" + id + "'");
        }
        SharedParts set = new SharedParts(id, fileNames().values().iterator().next(), parts);
        Optional<SharedParts> known =
                shared.stream().filter(other -> other.id().equals(id)).findFirst();
        if (known.isEmpty()) {
            shared.add(set);
        } else if (!known.get().equals(set)) {
            throw new IllegalArgumentException(choice.name() + " shares " + parts + ", others share "
                    + known.get().parts() + " under the same id " + id);
        }
    }

    private static int dimension(TensorInfo info, int index) {
        long size = info.shape().get(index);
        if (size < 1 || size > Integer.MAX_VALUE) {
            throw InvalidRequestException.usage("matrix " + info.name() + " is " + info.shape()
                    + "; each side needs 1 to 2^31 - 1 to be compressed, leave it out");
        }
        return (int) size;
    }

    private static PartEntry unmeasured(PartSpec part) {
        return new PartEntry(part.name(), part.type(), part.shape(), part.bytes(), ZERO_DIGEST);
    }

    /** One weight file is called what everybody calls it; several keep their names. */
    private Map<Path, String> fileNames() {
        Map<Path, String> names = new LinkedHashMap<>();
        List<Path> files = source.files();
        for (Path file : files) {
            names.put(file, files.size() == 1 ? SINGLE : source.nameOf(file));
        }
        return names;
    }

    /** This layout, its matrices known, with its files. */
    private ModelLayout withFiles(Map<String, Integer> chosen, Set<String> replaced) {
        List<MatrixEntry> charged = SharedParts.charge(matrices, shared);
        matrices.clear();
        matrices.addAll(charged);
        addWeightFiles(chosen, replaced);
        requireDistinctNames();
        addOtherFiles();
        return this;
    }

    /**
     * @param chosen in whose place the parts of which matrix stand
     * @param replaced tensors that are not carried over
     */
    private void addWeightFiles(Map<String, Integer> chosen, Set<String> replaced) {
        fileNames().forEach((path, name) -> {
            List<StoredTensor> tensors = new ArrayList<>();
            for (TensorInfo tensor : source.tensors(path)) {
                Integer index = chosen.get(tensor.name());
                if (index == null) {
                    if (!replaced.contains(tensor.name())) {
                        tensors.add(new StoredTensor(tensor.name(), tensor.type(), tensor.shape(), -1, null));
                    }
                    continue;
                }
                addParts(index, tensors);
            }
            for (int index = matrices.size(); index < owners().size(); index++) {
                if (owners().get(index).file().equals(name)) {
                    addParts(index, tensors);
                }
            }
            weightFiles.add(new WeightFile(name, source.metadata(path), tensors));
        });
    }

    private void addParts(int index, List<StoredTensor> tensors) {
        PartOwner owner = owners().get(index);
        for (PartEntry part : owner.parts()) {
            tensors.add(new StoredTensor(owner.tensorName(part), part.type(), part.shape(), index, part.name()));
        }
    }

    private void requireDistinctNames() {
        Set<String> names = new HashSet<>();
        for (WeightFile file : weightFiles) {
            for (StoredTensor tensor : file.tensors()) {
                int length = tensor.name().getBytes(StandardCharsets.UTF_8).length;
                if (length > Limits.defaults().maxNameBytes()) {
                    throw InvalidRequestException.impossible("the part name " + tensor.name() + " would have " + length
                            + " bytes, at most " + Limits.defaults().maxNameBytes()
                            + " are allowed; leave its matrix out");
                }
                if (!names.add(tensor.name())) {
                    throw InvalidRequestException.impossible("the source already has a tensor " + tensor.name()
                            + ", the name of a compressed part; leave its matrix out");
                }
            }
        }
    }

    private void addOtherFiles() {
        for (WeightFile file : weightFiles) {
            addFile(file.name(), file.bytes());
        }
        if (weightFiles.size() > 1) {
            addText(INDEX, index());
        }
        for (Path path : source.sidecars()) {
            try {
                String name = path.getFileName().toString();
                if (name.equals(CONFIG) && tuned.isEmpty()) {
                    addText(CONFIG, ConfigFile.withQuantization(Files.readAllBytes(path), version()));
                } else {
                    addFile(name, Files.size(path));
                    copies.put(name, path);
                }
            } catch (IOException e) {
                throw new UncheckedIOException("cannot read " + path + ": " + e, e);
            }
        }
    }

    private void addText(String name, byte[] text) {
        addFile(name, text.length);
        texts.put(name, text);
    }

    private void addFile(String name, long bytes) {
        boolean reserved = name.equals(Manifest.FILE) || name.equals(Manifest.DIGEST_FILE);
        if (reserved || !OutputName.isSafe(name) || sizes.put(name, bytes) != null) {
            throw InvalidRequestException.impossible(
                    "the source holds a file " + name + " whose name the output cannot have a second time; rename it");
        }
    }

    private byte[] index() {
        Map<String, String> places = new TreeMap<>();
        for (WeightFile file : weightFiles) {
            file.tensors().forEach(tensor -> places.put(tensor.name(), file.name()));
        }
        long total = weightFiles.stream().mapToLong(WeightFile::dataBytes).sum();
        Json json = new Json().open('{');
        json.key("metadata").open('{').key("total_size").number(total).close('}');
        json.key("weight_map").open('{');
        places.forEach((tensor, file) -> json.key(tensor).string(file));
        return json.close('}').close('}').bytes();
    }

    Checkpoint source() {
        return source;
    }

    /** The compressed model that is laid out once more, where there is one. */
    Optional<CompressedModel> tuned() {
        return tuned;
    }

    /** Digest of the weights that everything started from. */
    String sourceDigest() {
        return tuned.map(model -> model.manifest().sourceDigest()).orElseGet(source::digest);
    }

    /** The matrices in the order of the job; errors and digests are not known yet and read as zero. */
    public List<MatrixEntry> matrices() {
        return List.copyOf(matrices);
    }

    /** The sets of parts that matrices share; digests are not known yet and read as zero. */
    public List<SharedParts> shared() {
        return List.copyOf(shared);
    }

    /** Whoever owns parts: the matrices, then the shared sets. */
    List<PartOwner> owners() {
        List<PartOwner> owners = new ArrayList<>(matrices);
        owners.addAll(shared);
        return owners;
    }

    List<WeightFile> weightFiles() {
        return weightFiles;
    }

    /** Files whose content is known already, by name. */
    Map<String, byte[]> texts() {
        return texts;
    }

    /** Files to be copied from the source, by name. */
    Map<String, Path> copies() {
        return copies;
    }

    private Map<String, MeasuredError> unmeasured() {
        Map<String, MeasuredError> errors = new HashMap<>();
        matrices.forEach(matrix -> errors.put(matrix.name(), UNKNOWN));
        return errors;
    }

    /** Exact bytes of every file of the output, by name; of the manifest at most, when an error will stay unknown. */
    public Map<String, Long> fileSizes() {
        Map<String, Long> all = new TreeMap<>(sizes);
        all.put(Manifest.FILE, (long) manifest(ZERO_DIGEST, ZERO_DIGEST, unmeasured(), Map.of(), Map.of())
                .toJson()
                .length);
        all.put(Manifest.DIGEST_FILE, (long) Manifest.digestLine(ZERO_DIGEST).length());
        return all;
    }

    /** Exact bytes of the whole output directory. */
    public long outputBytes() {
        return fileSizes().values().stream().mapToLong(Long::longValue).sum();
    }

    /** Exact bytes of all parts of the compressed matrices, shared ones once: what a budget in bits counts. */
    public long bytes() {
        return matrices.stream().mapToLong(MatrixEntry::bytes).sum();
    }

    /** Weights of the compressed matrices. */
    public long weights() {
        return matrices.stream().mapToLong(MatrixEntry::weights).sum();
    }

    /**
     * Digest of all that decides the output's bytes: source, job, choices and format version. Reads the whole source once.
     */
    public String fingerprint() {
        Map<String, String> known = new HashMap<>();
        texts.forEach((name, text) -> known.put(name, Digest.sha256(text)));
        copies.forEach((name, path) -> known.put(name, Digest.sha256(path)));
        String start = tuned.isEmpty()
                ? source.digest()
                : Digest.sha256(tuned.get().directory().resolve(Manifest.FILE));
        return Digest.sha256(
                manifest(start, ZERO_DIGEST, unmeasured(), Map.of(), known).toJson());
    }

    /** The finished manifest; errors that the map lacks are unknown, digests read as zero. */
    Manifest manifest(
            String sourceDigest,
            String fingerprint,
            Map<String, MeasuredError> errors,
            Map<String, String> tensorDigests,
            Map<String, String> fileDigests) {
        List<MatrixEntry> measured = matrices.stream()
                .map(matrix ->
                        matrix.with(Optional.ofNullable(errors.get(matrix.name())), digested(matrix, tensorDigests)))
                .toList();
        List<SharedParts> sets = shared.stream()
                .map(set -> set.with(digested(set, tensorDigests)))
                .toList();
        List<TensorEntry> others = new ArrayList<>();
        for (WeightFile file : weightFiles) {
            for (StoredTensor tensor : file.tensors()) {
                if (!tensor.isPart()) {
                    others.add(new TensorEntry(
                            tensor.name(), file.name(), tensorDigests.getOrDefault(tensor.name(), ZERO_DIGEST)));
                }
            }
        }
        List<FileEntry> files = sizes.entrySet().stream()
                .map(file -> new FileEntry(
                        file.getKey(), file.getValue(), fileDigests.getOrDefault(file.getKey(), ZERO_DIGEST)))
                .toList();
        return new Manifest(version(), job, sourceDigest, fingerprint, sets, measured, others, files);
    }

    /** Of the format: models without shared parts are of the first as ever. */
    private int version() {
        return shared.isEmpty() ? 1 : Manifest.VERSION;
    }

    private static List<PartEntry> digested(PartOwner owner, Map<String, String> digests) {
        return owner.parts().stream()
                .map(part -> new PartEntry(
                        part.name(),
                        part.type(),
                        part.shape(),
                        part.bytes(),
                        digests.getOrDefault(owner.tensorName(part), ZERO_DIGEST)))
                .toList();
    }
}
