package dev.lowbit.jobs.inspect;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.DirectorySize;
import dev.lowbit.jobs.Methods;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.FloatModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.MeasuredError;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What is in a model's files: the document of {@code inspect --json}. For a compressed model {@code weights},
 * {@code bitsPerWeight} and {@code bytes} are those of its compressed matrices, for a plain one those of all its tensors.
 *
 * @param kind {@code compressed} or {@code checkpoint}
 * @param architectures of config.json
 * @param weights see above
 * @param bitsPerWeight 8 * bytes / weights
 * @param paperBitsPerWeight the same by the accounting of the method's paper, where the method is installed
 * @param bytes see above
 * @param outputBytes all files of the folder together; where PATH is an index or a weight file, the weight files, and the index
 * @param relativeError of all compressed matrices together, measured when they were written; absent when one is unknown
 * @param objective of the budget program
 * @param bound proven lower bound of the objective
 * @param gap (objective - bound) / bound
 * @param budgetBytes what the budget program could spend
 * @param method that compressed it
 * @param seed of its random choices
 * @param sourceDigest of the checkpoint it was made from
 * @param warnings about the files
 * @param matrices the compressed matrices
 * @param tensors every other tensor
 */
public record Inspection(
        String kind,
        List<String> architectures,
        long weights,
        double bitsPerWeight,
        OptionalDouble paperBitsPerWeight,
        long bytes,
        long outputBytes,
        OptionalDouble relativeError,
        OptionalDouble objective,
        OptionalDouble bound,
        OptionalDouble gap,
        OptionalLong budgetBytes,
        Optional<String> method,
        OptionalLong seed,
        Optional<String> sourceDigest,
        List<String> warnings,
        List<Matrix> matrices,
        List<Tensor> tensors) {
    /** A compressed matrix. */
    public record Matrix(
            String name,
            int rows,
            int columns,
            String method,
            String format,
            int rank,
            long bytes,
            double bitsPerWeight,
            OptionalDouble relativeError,
            boolean transposed,
            String sourceType) {}

    /** A tensor as it is stored. */
    public record Tensor(String name, String type, List<Long> shape, long bytes, String file) {}

    /**
     * Reads the headers and, where there is one, the manifest; no weights.
     *
     * @throws MalformedFileException when a file is not what it should be, or a compressed model has lost its manifest
     * @throws UnsupportedModelException for a pickle, and when a newer Lowbit wrote the model
     * @throws UncheckedIOException when something cannot be read
     */
    public static Inspection of(Path path) {
        return Manifest.isIn(path) ? ofCompressed(path) : ofCheckpoint(path);
    }

    private static Inspection ofCompressed(Path path) {
        try (CompressedModel model = CompressedModel.open(path)) {
            Manifest manifest = model.manifest();
            Checkpoint checkpoint = model.checkpointOfOthers();
            List<Tensor> others = manifest.tensors().stream()
                    .map(tensor -> tensor(checkpoint, checkpoint.info(tensor.name())))
                    .toList();
            return new Inspection(
                    "compressed",
                    architectures(checkpoint),
                    manifest.weights(),
                    manifest.bitsPerWeight(),
                    paperBitsPerWeight(manifest),
                    manifest.bytes(),
                    DirectorySize.bytes(path),
                    MeasuredError.relative(manifest.error()),
                    OptionalDouble.of(manifest.job().objective()),
                    OptionalDouble.of(manifest.job().bound()),
                    OptionalDouble.of(manifest.job().gap()),
                    OptionalLong.of(manifest.job().budgetBytes()),
                    Optional.of(manifest.job().method()),
                    OptionalLong.of(manifest.job().seed()),
                    Optional.of(manifest.sourceDigest()),
                    checkpoint.warnings(),
                    manifest.matrices().stream().map(Inspection::matrix).toList(),
                    others);
        }
    }

    private static Inspection ofCheckpoint(Path path) {
        try (Checkpoint checkpoint = Checkpoint.open(path)) {
            FloatModel.requireManifest(checkpoint);
            List<Tensor> tensors = new ArrayList<>();
            long weights = 0;
            long bytes = 0;
            for (Path file : checkpoint.files()) {
                for (TensorInfo info : checkpoint.tensors(file)) {
                    tensors.add(tensor(checkpoint, info));
                    weights += info.elements();
                    bytes += info.byteSize();
                }
            }
            return new Inspection(
                    "checkpoint",
                    architectures(checkpoint),
                    weights,
                    weights == 0 ? 0 : 8.0 * bytes / weights,
                    OptionalDouble.empty(),
                    bytes,
                    outputBytes(path, checkpoint),
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    OptionalLong.empty(),
                    Optional.empty(),
                    OptionalLong.empty(),
                    Optional.empty(),
                    checkpoint.warnings(),
                    List.of(),
                    tensors);
        }
    }

    /** Of a folder everything in it; of an index the weights that it names, and itself. */
    private static long outputBytes(Path path, Checkpoint checkpoint) {
        if (Files.isDirectory(path)) {
            return DirectorySize.bytes(path);
        }
        long weights =
                checkpoint.files().stream().mapToLong(DirectorySize::bytes).sum();
        return weights + checkpoint.index().map(DirectorySize::bytes).orElse(0L);
    }

    private static List<String> architectures(Checkpoint checkpoint) {
        return checkpoint.config().map(config -> config.architectures()).orElse(List.of());
    }

    private static Matrix matrix(MatrixEntry entry) {
        return new Matrix(
                entry.name(),
                entry.rows(),
                entry.columns(),
                entry.method(),
                entry.format(),
                entry.rank(),
                entry.bytes(),
                entry.bitsPerWeight(),
                MeasuredError.relative(entry.error()),
                entry.transposed(),
                entry.sourceType().safetensorsName());
    }

    private static Tensor tensor(Checkpoint checkpoint, TensorInfo info) {
        return new Tensor(
                info.name(),
                info.type().safetensorsName(),
                info.shape(),
                info.byteSize(),
                checkpoint.nameOf(info.file()));
    }

    private static OptionalDouble paperBitsPerWeight(Manifest manifest) {
        Map<String, Compressor> methods = new LinkedHashMap<>();
        double bits = 0;
        try {
            for (MatrixEntry matrix : manifest.matrices()) {
                Compressor method = methods.computeIfAbsent(matrix.method(), Methods::named);
                bits += matrix.weights() * method.paperBitsPerWeight(matrix.format(), matrix.rows(), matrix.columns());
            }
        } catch (InvalidRequestException e) {
            // written by a method that is not installed here
            return OptionalDouble.empty();
        }
        return manifest.weights() == 0 ? OptionalDouble.empty() : OptionalDouble.of(bits / manifest.weights());
    }
}
