package dev.lowbit.jobs.compress;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Data that a job weighs errors by.
 *
 * @param file calibration file, or the text to make one with
 * @param objective what an error costs, where it was said
 * @param sequential whether layers are compressed in the order of the forward pass, each for the inputs that those before it give; where
 *     it was said
 */
public record WithCalibration(Path file, Optional<Objective> objective, Optional<Boolean> sequential) {
    /** Whether layers are compressed in the order of the forward pass under an objective that was chosen in the end. */
    boolean isSequential(Objective chosen) {
        return sequential.orElse(chosen.weighting().pairs());
    }
}
