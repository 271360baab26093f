package dev.lowbit.transformer.tuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.method.DiscreteStep;
import dev.lowbit.method.Tunable;
import dev.lowbit.transformer.Adam;
import java.util.Optional;

/**
 * How a model is tuned.
 *
 * @param extent what of a representation is trained
 * @param context tokens that a window occupies
 * @param epochs times that the training text is read
 * @param windows windows in a step
 * @param crossEntropy weight of the text's cross entropy beside the divergence from the reference model; not used without one
 * @param learningRate the highest rate of Adam, as a share of the unit of a part ({@link Tunable.TrainablePart#unit}); 0 only with codes
 * @param codes how codes are trained, with {@link Tunable.Extent#CODES} alone
 * @param seed of the order of the windows
 */
public record TuningSettings(
        Tunable.Extent extent,
        int context,
        int epochs,
        int windows,
        double crossEntropy,
        double learningRate,
        Optional<CodeTuning> codes,
        long seed) {
    /** How the targets of codes are stepped. */
    public enum TargetSteps {
        /** Along the natural gradient, {@link Adam#naturalStep}. */
        NATURAL,
        /** By Adam, as straight-through estimation does. */
        ADAM
    }

    /**
     * How codes are trained.
     *
     * @param step what lets them follow their target
     * @param targets how that is stepped
     * @param rate the highest rate of the target, as a share of its unit ({@link Tunable.TrainablePart#unit})
     */
    public record CodeTuning(DiscreteStep step, TargetSteps targets, double rate) {
        public CodeTuning {
            if (!(rate > 0 && rate <= 1)) {
                throw InvalidRequestException.usage(
                        "a rate of " + rate + " for the codes is not possible; give one above 0, at most 1");
            }
        }
    }

    public TuningSettings {
        if (context < 2 || epochs < 1 || windows < 1) {
            throw InvalidRequestException.usage(
                    "tuning needs a context of 2 tokens, one epoch and one window in a step at" + " least, got "
                            + context + ", " + epochs + " and " + windows);
        }
        if (!(crossEntropy >= 0 && crossEntropy <= Float.MAX_VALUE)) {
            throw InvalidRequestException.usage(
                    "a weight of " + crossEntropy + " of the cross entropy is not possible; give 0 or more");
        }
        if (codes.isPresent() != (extent == Tunable.Extent.CODES)) {
            throw new IllegalArgumentException("codes are tuned with their extent and with it alone, got " + extent);
        }
        if (!(learningRate > 0 && learningRate <= 1) && !(learningRate == 0 && codes.isPresent())) {
            throw InvalidRequestException.usage(
                    "a learning rate of " + learningRate + " is not possible; give one above 0, at most 1");
        }
    }
}
