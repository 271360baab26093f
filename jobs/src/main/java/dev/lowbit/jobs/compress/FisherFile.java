package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * The file of {@code --calibration}: for every matrix to compress, under its name and in its stored shape, the empirical Fisher
 * diagonal F of the objective sum F (W - Ŵ)^2. A matrix without one is refused: weighted and plain errors have no common unit,
 * so one budget program cannot hold both. What else is in the file is not looked at.
 */
final class FisherFile implements AutoCloseable {
    private static final String SAFETENSORS = ".safetensors";

    private final Path file;
    private final Checkpoint tensors;
    private final String digest;

    private FisherFile(Path file, Checkpoint tensors) {
        this.file = file;
        this.tensors = tensors;
        this.digest = Digest.sha256(file);
    }

    /**
     * Opens the file and compares its header with what is to be compressed.
     *
     * @throws InvalidRequestException (usage) when it is no safetensors file
     * @throws MalformedFileException BAD_CALIBRATION when a target has no diagonal there, or one of another shape; what breaks
     *     the format of safetensors
     */
    static FisherFile open(Path file, Checkpoint checkpoint, List<Target> targets) {
        if (Files.isDirectory(file) || !file.toString().endsWith(SAFETENSORS)) {
            throw InvalidRequestException.usage("--calibration " + file
                    + ": a .safetensors file is needed that holds the Fisher diagonal of each weight under its name");
        }
        Checkpoint tensors = Checkpoint.open(file);
        try {
            FisherFile fisher = new FisherFile(file, tensors);
            fisher.requireAll(targets);
            targets.forEach(target -> fisher.requireFits(checkpoint.info(target.name())));
            return fisher;
        } catch (RuntimeException | Error e) {
            tensors.close();
            throw e;
        }
    }

    private void requireAll(List<Target> targets) {
        Set<String> present = new HashSet<>(tensors.names());
        List<String> missing = targets.stream()
                .map(Target::name)
                .filter(name -> !present.contains(name))
                .toList();
        if (!missing.isEmpty()) {
            throw bad(
                    -1,
                    "holds no Fisher diagonal of " + missing.size() + " of the " + targets.size()
                            + " matrices to compress, " + missing.getFirst()
                            + " for one; calibrate them too, or leave them out with --skip");
        }
    }

    private void requireFits(TensorInfo weights) {
        TensorInfo diagonal = tensors.info(weights.name());
        if (!diagonal.type().isWeight() || !diagonal.shape().equals(weights.shape())) {
            throw bad(
                    diagonal.offsetBytes(),
                    "tensor " + diagonal.name() + " is " + diagonal.type() + " " + diagonal.shape()
                            + "; floating-point numbers in the shape " + weights.shape()
                            + " of the weights are needed");
        }
    }

    /** SHA-256 of the file. */
    String digest() {
        return digest;
    }

    /**
     * The importance of a target's weights, outputs x inputs, in memory that the caller closes.
     *
     * @throws MalformedFileException BAD_CALIBRATION for a negative value, NON_FINITE for one that is not finite, both naming
     *     tensor, row and column as stored
     */
    Importance.Diagonal read(Target target) {
        FloatMatrix diagonal = tensors.matrix(target.name(), target.transposed());
        try {
            requireNonNegative(target, diagonal);
            return new Importance.Diagonal(diagonal);
        } catch (RuntimeException | Error e) {
            diagonal.close();
            throw e;
        }
    }

    private void requireNonNegative(Target target, FloatMatrix diagonal) {
        for (int i = 0; i < diagonal.rows(); i++) {
            for (int j = 0; j < diagonal.columns(); j++) {
                if (diagonal.get(i, j) < 0) {
                    throw bad(
                            tensors.info(target.name()).offsetBytes(),
                            "tensor " + target.name() + " holds " + diagonal.get(i, j) + " at row "
                                    + (target.transposed() ? j : i) + ", column " + (target.transposed() ? i : j)
                                    + "; a Fisher diagonal is a sum of squares and never negative");
                }
            }
        }
    }

    private MalformedFileException bad(long offset, String detail) {
        return new MalformedFileException(file, offset, Reason.BAD_CALIBRATION, detail);
    }

    @Override
    public void close() {
        tensors.close();
    }
}
