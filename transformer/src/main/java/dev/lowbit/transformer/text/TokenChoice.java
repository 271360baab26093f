package dev.lowbit.transformer.text;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Evaluation;

/** Chooses the next token from the logits of a position. */
@FunctionalInterface
public interface TokenChoice {
    /** @param logits 1 x vocabulary; not modified */
    int choose(FloatMatrix logits);

    /** The most probable token, the lowest id on a tie. */
    static TokenChoice greedy() {
        return logits -> Evaluation.mostProbable(logits, 0);
    }

    /**
     * A token drawn with probability p = softmax(logits / temperature): the first id at which the sum of p from id 0 on exceeds a
     * uniform number of the stream with purpose {@code generate}. Sums are double, exp is StrictMath's.
     *
     * @param temperature above 0; 0 is {@link #greedy()}
     * @throws InvalidRequestException usage for a negative temperature or one that is not finite
     */
    static TokenChoice sampled(double temperature, long seed) {
        if (!(temperature >= 0) || Double.isInfinite(temperature)) {
            throw InvalidRequestException.usage("a temperature of " + temperature
                    + " is not possible; give 0 for the most probable token, or a positive number");
        }
        if (temperature == 0) {
            return greedy();
        }
        RandomStream random = RandomStream.of(seed, "generate", "");
        return logits -> draw(logits, temperature, random.nextDouble());
    }

    private static int draw(FloatMatrix logits, double temperature, double uniform) {
        double top = logits.get(0, Evaluation.mostProbable(logits, 0));
        double[] weights = new double[logits.columns()];
        double sum = 0;
        for (int id = 0; id < weights.length; id++) {
            weights[id] = StrictMath.exp((logits.get(0, id) - top) / temperature);
            sum += weights[id];
        }
        double left = uniform * sum;
        int last = 0;
        for (int id = 0; id < weights.length; id++) {
            if (weights[id] > 0) {
                last = id;
                left -= weights[id];
                if (left < 0) {
                    return id;
                }
            }
        }
        // rounding can leave a rest behind the last token that is possible at all
        return last;
    }
}
