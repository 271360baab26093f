package dev.lowbit.transformer.tuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.method.Tunable;

/**
 * How a model is tuned.
 *
 * @param extent what of a representation is trained
 * @param context tokens that a window occupies
 * @param epochs times that the training text is read
 * @param windows windows in a step
 * @param crossEntropy weight of the text's cross entropy beside the divergence from the reference model; not used without one
 * @param learningRate the highest rate of Adam, as a share of the unit of a part ({@link Tunable.TrainablePart#unit})
 * @param seed of the order of the windows
 */
public record TuningSettings(
        Tunable.Extent extent,
        int context,
        int epochs,
        int windows,
        double crossEntropy,
        double learningRate,
        long seed) {
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
        if (!(learningRate > 0 && learningRate <= 1)) {
            throw InvalidRequestException.usage(
                    "a learning rate of " + learningRate + " is not possible; give one above 0, at most 1");
        }
    }
}
