package dev.lowbit.transformer;

import dev.lowbit.kernel.Kernels;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Collection;

/** Keeps the length of all gradients taken together below a bound. */
public final class GradientClipping {
    private GradientClipping() {}

    /**
     * Scales all gradients (modified) by bound / norm when their common norm exceeds {@code bound}.
     *
     * @return the norm before; NaN or infinite when a gradient is, and then nothing is scaled: the step is to be skipped
     */
    public static double clip(Collection<FloatMatrix> gradients, double bound) {
        double squares = 0;
        for (FloatMatrix gradient : gradients) {
            squares += Kernels.get().sumOfSquares(gradient.segment(), 0, gradient.size());
        }
        double norm = Math.sqrt(squares);
        if (norm > bound && Double.isFinite(norm)) {
            gradients.forEach(g -> Kernels.get().scale((float) (bound / norm), g.segment(), 0, g.size()));
        }
        return norm;
    }
}
