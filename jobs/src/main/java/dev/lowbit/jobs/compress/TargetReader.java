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
import java.util.Optional;

/**
 * Reads targets with their importance, one in memory at a time. The importance file holds, under the names of the weights and
 * in their shapes, the empirical Fisher diagonal; a matrix that it lacks counts every weight the same.
 */
final class TargetReader implements AutoCloseable {
    private static final String SAFETENSORS = ".safetensors";

    private final Checkpoint checkpoint;
    private final Optional<Checkpoint> fisher;
    private final String importanceDigest;

    /** @param importance a safetensors file; empty when every weight counts the same */
    TargetReader(Checkpoint checkpoint, Optional<Path> importance) {
        this.checkpoint = checkpoint;
        importance.ifPresent(TargetReader::requireReadable);
        this.fisher = importance.map(Checkpoint::open);
        this.importanceDigest = importance.map(Digest::sha256).orElse("");
    }

    private static void requireReadable(Path file) {
        if (!Files.isRegularFile(file) || !file.toString().endsWith(SAFETENSORS)) {
            throw InvalidRequestException.usage("--calibration " + file
                    + ": a .safetensors file is needed that holds the Fisher diagonal of each weight under its name");
        }
    }

    /** Digest of the importance file, empty for none. */
    String importanceDigest() {
        return importanceDigest;
    }

    boolean isWeighted() {
        return fisher.isPresent();
    }

    /**
     * A target in memory.
     *
     * @param weights outputs x inputs, finite
     */
    record Loaded(FloatMatrix weights, Importance importance) implements AutoCloseable {
        @Override
        public void close() {
            weights.close();
            if (importance instanceof Importance.Diagonal diagonal) {
                diagonal.fisher().close();
            }
        }
    }

    /**
     * Reads a target; the caller closes it.
     *
     * @throws MalformedFileException NON_FINITE naming tensor, row and column; BAD_CALIBRATION when the importance does not
     *     belong to these weights
     */
    Loaded read(Target target) {
        FloatMatrix weights = checkpoint.matrix(target.name(), target.transposed());
        try {
            return new Loaded(weights, importance(target));
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    private Importance importance(Target target) {
        if (fisher.isEmpty() || !fisher.get().names().contains(target.name())) {
            return Importance.uniform();
        }
        TensorInfo found = fisher.get().info(target.name());
        TensorInfo needed = checkpoint.info(target.name());
        if (!found.shape().equals(needed.shape())) {
            throw bad(found, "has shape " + found.shape() + ", the weights have " + needed.shape());
        }
        FloatMatrix diagonal = fisher.get().matrix(target.name(), target.transposed());
        for (int i = 0; i < diagonal.rows(); i++) {
            for (int j = 0; j < diagonal.columns(); j++) {
                if (diagonal.get(i, j) < 0) {
                    diagonal.close();
                    throw bad(found, "holds a negative value; a Fisher diagonal is a sum of squares");
                }
            }
        }
        return Importance.diagonal(diagonal);
    }

    private static MalformedFileException bad(TensorInfo tensor, String detail) {
        return new MalformedFileException(
                tensor.file(), tensor.offsetBytes(), Reason.BAD_CALIBRATION, "tensor " + tensor.name() + " " + detail);
    }

    @Override
    public void close() {
        fisher.ifPresent(Checkpoint::close);
    }
}
