package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * A model's weights in files: a Hugging Face folder, a folder of safetensors, or one safetensors file. All headers are
 * read and checked by {@link #open}; data is read one tensor at a time and nothing stays mapped or open in between.
 * Usable from several threads.
 */
public final class Checkpoint implements AutoCloseable {
    private final ModelFiles files;
    private final Map<Path, SafetensorsFile> shards;
    private final TreeMap<String, TensorInfo> tensors;
    private final Optional<ModelConfig> config;
    private final List<String> warnings;
    private String digest;

    private Checkpoint(
            ModelFiles files,
            Map<Path, SafetensorsFile> shards,
            TreeMap<String, TensorInfo> tensors,
            Optional<ModelConfig> config,
            List<String> warnings) {
        this.files = files;
        this.shards = shards;
        this.tensors = tensors;
        this.config = config;
        this.warnings = List.copyOf(warnings);
    }

    /** Opens with the default limits. */
    public static Checkpoint open(Path path) {
        return open(path, Limits.defaults());
    }

    /**
     * Opens a model.
     *
     * @param path a folder, a .safetensors file, or the model.safetensors.index.json of a folder (which says which is meant
     *     when a model.safetensors lies beside it)
     * @throws MalformedFileException when files are not what their formats promise; all faulty shards in one exception
     * @throws UnsupportedModelException for a pickle, whatever its name
     * @throws UncheckedIOException when something cannot be read
     */
    public static Checkpoint open(Path path, Limits limits) {
        ModelFiles files = files(path, limits);
        Map<Path, SafetensorsFile> shards = openShards(files, limits);
        Optional<ModelConfig> config = files.config().map(file -> ModelConfig.read(file, limits));
        TreeMap<String, TensorInfo> tensors = merge(files, shards);
        List<String> warnings = new ArrayList<>(files.warnings());
        shards.values().forEach(shard -> warnings.addAll(shard.warnings()));
        warnings.addAll(unnamed(files, tensors));
        config.ifPresent(c -> warnings.addAll(ConfigChecks.warnings(c, tensors)));
        return new Checkpoint(files, shards, tensors, config, warnings);
    }

    private static ModelFiles files(Path path, Limits limits) {
        if (Files.isDirectory(path)) {
            return ModelFiles.ofFolder(path, false, limits);
        }
        if (path.endsWith(ModelFiles.INDEX) && Files.exists(path)) {
            return ModelFiles.ofFolder(path.toAbsolutePath().getParent(), true, limits);
        }
        requireNoPickle(path);
        return ModelFiles.ofFile(path);
    }

    private static void requireNoPickle(Path file) {
        if (!Files.isRegularFile(file)) {
            return;
        }
        try (InputStream stream = Files.newInputStream(file)) {
            FileHint.of(stream.readNBytes(FileHint.LENGTH))
                    .filter(FileHint::isPickle)
                    .ifPresent(hint -> {
                        throw new UnsupportedModelException(file + ": this is " + hint.description());
                    });
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    private static Map<Path, SafetensorsFile> openShards(ModelFiles files, Limits limits) {
        Map<Path, SafetensorsFile> shards = new LinkedHashMap<>();
        List<MalformedFileException> problems = new ArrayList<>();
        for (Path file : files.weights()) {
            requireNoPickle(file);
            try {
                shards.put(file, SafetensorsFile.open(file, limits));
            } catch (MalformedFileException e) {
                problems.add(e);
            }
        }
        if (!problems.isEmpty()) {
            throw MalformedFileException.all(files.root(), problems);
        }
        return shards;
    }

    private static TreeMap<String, TensorInfo> merge(ModelFiles files, Map<Path, SafetensorsFile> shards) {
        TreeMap<String, TensorInfo> tensors = new TreeMap<>();
        for (SafetensorsFile shard : shards.values()) {
            for (TensorInfo tensor : shard.tensors()) {
                TensorInfo other = tensors.put(tensor.name(), tensor);
                if (other != null) {
                    throw new MalformedFileException(
                            shard.path(),
                            tensor.offsetBytes(),
                            Reason.DUPLICATE_NAME,
                            "tensor " + OneLine.quote(tensor.name()) + " is also in "
                                    + other.file().getFileName());
                }
            }
        }
        files.index().ifPresent(index -> requireAgreement(files, index, tensors));
        return tensors;
    }

    /** Refuses tensors that are not where the index says. */
    private static void requireAgreement(ModelFiles files, ShardIndex index, Map<String, TensorInfo> tensors) {
        List<String> wrong = new ArrayList<>();
        index.weightMap().forEach((name, shard) -> {
            TensorInfo tensor = tensors.get(name);
            if (tensor == null || !tensor.file().equals(files.root().resolve(shard))) {
                String where = tensor == null
                        ? "no shard"
                        : tensor.file().getFileName().toString();
                wrong.add(OneLine.quote(name) + " should be in " + shard + " and is in " + where);
            }
        });
        if (!wrong.isEmpty()) {
            throw new MalformedFileException(
                    files.root().resolve(ModelFiles.INDEX),
                    -1,
                    Reason.INDEX_MISMATCH,
                    wrong.size() + " tensors are not where the index says: " + OneLine.list(wrong));
        }
    }

    private static List<String> unnamed(ModelFiles files, Map<String, TensorInfo> tensors) {
        if (files.index().isEmpty()) {
            return List.of();
        }
        Map<String, String> named = files.index().get().weightMap();
        List<String> unnamed =
                tensors.keySet().stream().filter(n -> !named.containsKey(n)).toList();
        return unnamed.isEmpty()
                ? List.of()
                : List.of(files.root().resolve(ModelFiles.INDEX) + ": does not name " + unnamed.size()
                        + " tensors of its shards, they are read all the same: " + OneLine.list(unnamed));
    }

    /** The folder that holds the model. */
    public Path root() {
        return files.root();
    }

    /** Names of all tensors, sorted. */
    public List<String> names() {
        return List.copyOf(tensors.keySet());
    }

    /** Whether there is a tensor of that name. */
    public boolean contains(String name) {
        return tensors.containsKey(name);
    }

    /**
     * What is known about a tensor.
     *
     * @throws InvalidRequestException when there is none of that name
     */
    public TensorInfo info(String name) {
        TensorInfo tensor = tensors.get(name);
        if (tensor == null) {
            throw InvalidRequestException.usage("no tensor " + OneLine.quote(name) + " in " + files.root());
        }
        return tensor;
    }

    /** The weight files in the order of their names. */
    public List<Path> files() {
        return files.weights();
    }

    /** The name of a weight file inside {@link #root}, as a shard index has it: {@code /} between folders. */
    public String nameOf(Path file) {
        return root().toAbsolutePath()
                .normalize()
                .relativize(file.toAbsolutePath().normalize())
                .toString()
                .replace('\\', '/');
    }

    /** Tensors of one weight file in offset order. */
    public List<TensorInfo> tensors(Path file) {
        return shard(file).tensors();
    }

    /** The {@code __metadata__} of one weight file in header order. */
    public Map<String, String> metadata(Path file) {
        return shard(file).metadata();
    }

    private SafetensorsFile shard(Path file) {
        SafetensorsFile shard = shards.get(file);
        if (shard == null) {
            throw InvalidRequestException.usage(file + " is no weight file of " + files.root());
        }
        return shard;
    }

    /** A weight matrix as it is stored, rows x columns, widened to float. */
    public FloatMatrix matrix(String name) {
        return matrix(name, false);
    }

    /**
     * A weight matrix widened to float (F64 rounded once, all others exact) in memory that the caller closes.
     *
     * @param transposed whether to give columns x rows: for weights stored inputs x outputs, as GPT-2 stores them
     * @throws InvalidRequestException when the tensor is no two-dimensional weight
     * @throws MalformedFileException NON_FINITE naming row and column (as stored) of the first NaN or infinite weight;
     *     FILE_CHANGED
     */
    public FloatMatrix matrix(String name, boolean transposed) {
        TensorInfo tensor = info(name);
        return MatrixReader.read(shard(tensor.file()), tensor, transposed);
    }

    /** Writes the raw bytes of a tensor to {@code target}, streamed. */
    public void copyTo(String name, WritableByteChannel target) {
        shard(info(name).file()).copyTo(name, target);
    }

    /** The raw bytes of a tensor, read-only, possibly unaligned, mapped until {@code arena} closes. */
    public MemorySegment map(String name, Arena arena) {
        return shard(info(name).file()).map(name, arena);
    }

    /** The model's config.json, when it has one. */
    public Optional<ModelConfig> config() {
        return config;
    }

    /**
     * The model's config.json.
     *
     * @param purpose what needs it, for the message
     * @throws UnsupportedModelException when there is none
     */
    public ModelConfig requireConfig(String purpose) {
        return config.orElseThrow(() -> new UnsupportedModelException(
                (files.isFile() ? files.weights().getFirst() + " was given alone, without" : root() + " has no")
                        + " config.json, which " + purpose + " needs; give a complete model folder"));
    }

    /** Configuration and tokenizer files to carry along with the weights, config.json included, sorted. */
    public List<Path> sidecars() {
        return files.sidecars();
    }

    /** The shard index, when the model has one. */
    public Optional<Path> index() {
        return files.index().map(index -> files.root().resolve(ModelFiles.INDEX));
    }

    /** One line each for what is odd but no error: strays, code, config fields that contradict the tensors. */
    public List<String> warnings() {
        return warnings;
    }

    /**
     * SHA-256 over the weight files and config.json: for each the name in UTF-8, a zero byte, the size as little-endian
     * 64-bit number, the content. Streamed once, then remembered.
     */
    public synchronized String digest() {
        if (digest == null) {
            digest = CheckpointDigest.of(shards.values(), config);
        }
        return digest;
    }

    @Override
    public void close() {
        shards.values().forEach(SafetensorsFile::close);
    }
}
