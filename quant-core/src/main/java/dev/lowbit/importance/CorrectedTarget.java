package dev.lowbit.importance;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.NotPositiveDefinite;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The weights to aim at when a layer's inputs have changed: with x̂ where the model had x, E ||W x - V x̂||² is smallest at
 *
 * <pre>V = W + W D (H + damping mean(diag H) I)⁻¹,   D = E[(x - x̂) x̂ᵀ],   H = E[x̂ x̂ᵀ]</pre>
 *
 * (without damping; with it V stays near W in directions that the inputs hardly have). What is quantized instead of W then makes good
 * some of what the layers before have lost, as in GPTAQ (Li et al. 2025, asymmetric calibration), but as one linear regression.
 */
public final class CorrectedTarget {
    private CorrectedTarget() {}

    /**
     * V, in memory that the caller closes.
     *
     * @param weights W, outputs x inputs; not modified
     * @param secondMoment H, inputs x inputs, symmetric, positive semidefinite; not modified
     * @param shift D, inputs x inputs; not modified
     * @param damping positive
     * @throws InvalidRequestException (impossible) when H is so far from positive semidefinite that damping does not mend it
     */
    public static FloatMatrix of(
            FloatMatrix weights, FloatMatrix secondMoment, FloatMatrix shift, double damping, Workers workers) {
        Cholesky system = factor(secondMoment, damping, workers);
        int n = weights.columns();
        FloatMatrix target = FloatMatrix.allocate(weights.rows(), n);
        Gemm.multiply(weights, false, shift, false, target, Gemm.Mode.SET, workers);
        workers.forEach(weights.rows(), i -> {
            double[] row = new double[n];
            for (int j = 0; j < n; j++) {
                row[j] = target.get(i, j);
            }
            system.solve(row);
            for (int j = 0; j < n; j++) {
                target.set(i, j, (float) (weights.get(i, j) + row[j]));
            }
        });
        return target;
    }

    private static Cholesky factor(FloatMatrix secondMoment, double damping, Workers workers) {
        int n = secondMoment.columns();
        double[] damped = Hessian.damped(secondMoment, damping);
        return switch (Cholesky.of(damped, n, workers)) {
            case Cholesky cholesky -> cholesky;
            case NotPositiveDefinite failure ->
                throw Hessian.notPositiveDefinite(failure.pivot(), failure.column(), damping);
        };
    }
}
