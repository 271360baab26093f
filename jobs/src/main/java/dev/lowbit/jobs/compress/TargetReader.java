package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.importance.Importance;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.Optional;

/** Reads targets with their importance, one in memory at a time. */
final class TargetReader implements AutoCloseable {
    private final Checkpoint checkpoint;
    private final Optional<FisherFile> fisher;

    /**
     * @param checkpoint closed by its owner
     * @param fisher empty when every weight counts the same; closed with this reader
     */
    TargetReader(Checkpoint checkpoint, Optional<FisherFile> fisher) {
        this.checkpoint = checkpoint;
        this.fisher = fisher;
    }

    /** Digest of the importance file, empty for none. */
    String importanceDigest() {
        return fisher.map(FisherFile::digest).orElse("");
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
     * @throws MalformedFileException NON_FINITE naming tensor, row and column; BAD_CALIBRATION for a negative importance
     */
    Loaded read(Target target) {
        FloatMatrix weights = checkpoint.matrix(target.name(), target.transposed());
        try {
            return new Loaded(
                    weights,
                    fisher.isEmpty() ? Importance.uniform() : fisher.get().read(target));
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    /**
     * Reads the importance of every target once, so that a bad value stops the job at its start and not after hours.
     *
     * @throws MalformedFileException as {@link #read}
     */
    void checkImportance(List<Target> targets, ProgressListener progress) {
        if (fisher.isEmpty()) {
            return;
        }
        long total = targets.stream().mapToLong(Target::weights).sum();
        try (ProgressListener.Stage stage = progress.stage("checking calibration", total, "weights")) {
            for (Target target : targets) {
                Cancellation.check();
                fisher.get().read(target).fisher().close();
                stage.advance(target.weights());
            }
        }
    }

    @Override
    public void close() {
        fisher.ifPresent(FisherFile::close);
    }
}
