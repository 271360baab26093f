package dev.lowbit.transformer.tuning;

import dev.lowbit.matrix.QuantizedMatrix;
import java.util.Map;

/**
 * What tuning found.
 *
 * @param before held-out loss of the model as it came
 * @param after held-out loss with {@code matrices} in place; never above {@code before}
 * @param step the step behind which they were taken; 0 when nothing was better than the start
 * @param steps all steps
 * @param trainingTokens tokens of the text that were trained on, once per epoch
 * @param heldOutTokens tokens of the text that were not
 * @param parameters numbers that were trained, those in common once; codes and what they follow not counted
 * @param matrices the tuned matrices in their stored formats, by tensor name; empty when nothing was better
 */
public record TuningResult(
        double before,
        double after,
        int step,
        int steps,
        int trainingTokens,
        int heldOutTokens,
        long parameters,
        Map<String, QuantizedMatrix> matrices) {
    public TuningResult {
        matrices = Map.copyOf(matrices);
    }
}
