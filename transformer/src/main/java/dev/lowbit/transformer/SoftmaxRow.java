package dev.lowbit.transformer;

import dev.lowbit.kernel.Activations;
import dev.lowbit.kernel.Kernels;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;

/**
 * The softmax of a row of logits, formed in place: the row holds e^(logit - max) after {@link #of}.
 *
 * @param max the largest logit
 * @param sum Σ e^(logit - max)
 */
record SoftmaxRow(float max, double sum) {
    /** Replaces row {@code t} (modified) by its exponentials. */
    static SoftmaxRow of(FloatMatrix logits, int t) {
        return of(logits.segment(), (long) t * logits.columns(), logits.columns());
    }

    /** Replaces the {@code n} floats from index {@code at} on (modified) by their exponentials. */
    static SoftmaxRow of(MemorySegment row, long at, int n) {
        float max = Activations.get().max(row, at, n);
        Activations.get().exp(row, at, max, row, at, n);
        return new SoftmaxRow(max, Kernels.get().dot(row, at, Ones.of(n), 0, n));
    }

    /** ln Σ e^logit. */
    double logSum() {
        return max + StrictMath.log(sum);
    }

    /** Turns exponentials into {@code weight} times probabilities. */
    void toProbabilities(FloatMatrix exponentials, int t, double weight) {
        long n = exponentials.columns();
        Kernels.get().scale((float) (weight / sum), exponentials.segment(), t * n, n);
    }
}
