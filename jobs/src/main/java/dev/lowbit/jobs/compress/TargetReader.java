package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.calibration.CalibrationFile;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import java.util.List;
import java.util.Optional;

/** Reads targets with their importance, one in memory at a time. */
final class TargetReader implements AutoCloseable {
    /** Every method sums products of weights in floats; up to this magnitude a sum may grow to 2^28 of them. */
    private static final float LARGEST = 0x1p100f;

    private final Checkpoint checkpoint;
    private final Optional<CalibratedImportance> calibration;
    private final MemoryCap cap;
    private final Workers workers;

    /**
     * @param checkpoint closed by its owner
     * @param calibration empty when every weight counts the same; closed with this reader
     */
    TargetReader(Checkpoint checkpoint, Optional<CalibratedImportance> calibration, MemoryCap cap, Workers workers) {
        this.checkpoint = checkpoint;
        this.calibration = calibration;
        this.cap = cap;
        this.workers = workers;
    }

    /** Digest of the calibration file, empty for none. */
    String importanceDigest() {
        return calibration.map(CalibratedImportance::digest).orElse("");
    }

    /** What errors depend on beside the weights: calibration and objective. */
    String importanceKey() {
        return (importanceDigest() + " " + objective().map(Objective::toString).orElse("")).strip();
    }

    /** The text that was calibrated with; empty for none and for Fisher diagonals of other origin. */
    Optional<CalibrationTokens> tokens() {
        return calibration
                .map(CalibratedImportance::calibration)
                .filter(file -> file.header().isPresent())
                .map(CalibrationFile::tokens);
    }

    /** E[x xᵀ] of a target's inputs, in memory that the caller closes; empty where it is not known. */
    Optional<FloatMatrix> secondMoment(Target target) {
        return calibration
                .map(CalibratedImportance::calibration)
                .filter(file -> file.isComplete(target.name()))
                .map(file -> file.secondMoment(target.name()));
    }

    /**
     * The weights of a target alone; the caller closes them.
     *
     * @throws MalformedFileException NON_FINITE naming tensor, row and column
     * @throws InvalidRequestException (impossible) naming tensor and magnitude where products of weights could overflow
     */
    FloatMatrix weights(Target target) {
        FloatMatrix weights = checkpoint.matrix(target.name(), target.transposed());
        float largest = Norms.absMax(weights);
        if (largest > LARGEST) {
            weights.close();
            throw InvalidRequestException.impossible(
                    target.name() + " has a weight of magnitude " + largest
                            + "; beyond 2^100 (1.27e30) sums of products overflow 32-bit floats: scale it, or leave it out with --skip");
        }
        return weights;
    }

    /** What an error costs; empty without calibration. */
    Optional<Objective> objective() {
        return calibration.map(CalibratedImportance::objective);
    }

    /** Whether layers are compressed in the order of the forward pass, each for the inputs that those before it give. */
    boolean sequential() {
        return calibration.map(CalibratedImportance::sequential).orElse(false);
    }

    /**
     * A target in memory.
     *
     * @param weights outputs x inputs, finite, of magnitudes whose products can be summed
     */
    record Loaded(FloatMatrix weights, CalibratedImportance.Loaded weighting) implements AutoCloseable {
        Importance importance() {
            return weighting.importance();
        }

        @Override
        public void close() {
            weights.close();
            weighting.close();
        }
    }

    /**
     * Reads a target; the caller closes it.
     *
     * @throws MalformedFileException NON_FINITE naming tensor, row and column; BAD_CALIBRATION for a negative importance
     * @throws InvalidRequestException (impossible) for weights that are too large, as {@link #weights}
     */
    Loaded read(Target target) {
        cap.collect();
        FloatMatrix weights = weights(target);
        try {
            return new Loaded(
                    weights,
                    calibration.isEmpty()
                            ? CalibratedImportance.Loaded.uniform()
                            : calibration.get().read(target, weights, workers));
        } catch (RuntimeException | Error e) {
            weights.close();
            throw e;
        }
    }

    /** The importance of a target whose inputs are others than those of the calibration, see {@link CalibratedImportance#read(Target, FloatMatrix)}. */
    CalibratedImportance.Loaded importance(Target target, FloatMatrix moment) {
        cap.collect();
        return calibration.orElseThrow().read(target, moment);
    }

    /**
     * Reads the importance of every target once, so that a bad value stops the job at its start and not after hours.
     *
     * @throws MalformedFileException as {@link #read}
     */
    void checkImportance(List<Target> targets, ProgressListener progress) {
        if (calibration.isEmpty()) {
            return;
        }
        long total = targets.stream().mapToLong(Target::weights).sum();
        try (ProgressListener.Stage stage = progress.stage("checking calibration", total, "weights")) {
            for (Target target : targets) {
                Cancellation.check();
                read(target).close();
                stage.advance(target.weights());
            }
        }
    }

    @Override
    public void close() {
        calibration.ifPresent(CalibratedImportance::close);
    }
}
