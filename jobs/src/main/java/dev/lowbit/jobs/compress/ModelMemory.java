package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.calibration.Divergence;
import dev.lowbit.transformer.calibration.SequentialCalibration;
import java.util.Optional;

/**
 * What running the whole model on the calibration text needs. It is asked for once, at the start of a job: later the process has grown by
 * what the cap allows for anyway.
 *
 * @param floatBytes of the model with its weights in floats
 * @param config of the model; without one it is not run
 */
record ModelMemory(long floatBytes, Optional<ModelConfig> config) {
    /** Models up to here are compared with uniform formats. That depends on the model alone: bytes written may not depend on the memory. */
    static final long MOST_JUDGED_BYTES = 1L << 30;

    static ModelMemory of(Checkpoint checkpoint) {
        return new ModelMemory(ModelInput.floatBytes(checkpoint), checkpoint.config());
    }

    /** Whether mixes are compared with uniform formats on the calibration text. */
    boolean isJudged() {
        return floatBytes <= MOST_JUDGED_BYTES;
    }

    /**
     * Compares it with a cap, the largest need first.
     *
     * @param sequential whether layers are compressed while the model is in memory
     * @param matrixBytes for compressing the largest matrix
     * @param tokens of the calibration text
     * @param rows of them that are read together
     * @throws InvalidRequestException (impossible) naming the need
     */
    void require(MemoryCap cap, boolean sequential, long matrixBytes, int tokens, int rows) {
        if (cap.bytes().isEmpty() || config.isEmpty()) {
            return;
        }
        ModelShape shape = Transformers.shape(config.get());
        if (sequential) {
            // two matrices: the weights and what is aimed at, each with its importance
            cap.require(
                    floatBytes + SequentialCalibration.scratchBytes(shape, tokens, rows) + 2 * matrixBytes,
                    "compressing layer behind layer with the whole model in floats",
                    "compress with --no-sequential");
        }
        if (isJudged()) {
            cap.require(
                    floatBytes + Divergence.scratchBytes(shape, rows),
                    "comparing with uniform formats on the calibration text",
                    "compress without --calibration");
        }
    }
}
