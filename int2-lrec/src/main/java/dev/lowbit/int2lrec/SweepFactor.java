package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.DampedFactor;
import dev.lowbit.kernel.Workers;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * What a sweep of GPTQ shares between rows. With H = 2/sequences XᵀX, the order of the columns applied, 1 on the diagonal of dead
 * columns and λ on all of it:
 *
 * <pre>
 *   H = R Rᵀ, R upper triangular (the lower factor of H in reversed order, reversed);  U = R⁻¹, so UᵀU = H⁻¹
 * </pre>
 *
 * <p>without ever forming H⁻¹.
 *
 * @param order the original column at every place of the sweep
 * @param upper U, n x n row-major, upper triangular, columns in the order of the sweep
 * @param damping the share of the mean diagonal that was needed
 * @param lambda what was added to the diagonal of H
 */
record SweepFactor(int[] order, double[] upper, double damping, double lambda) {
    /**
     * Factors with the least of damping, 10 damping ... 1 that makes H positive definite beyond rounding.
     *
     * @throws InvalidRequestException (impossible) when none does
     */
    static SweepFactor of(SecondMoment moment, boolean actOrder, double damping, Workers workers) {
        int n = moment.n();
        int[] order =
                actOrder ? byFallingDiagonal(moment) : IntStream.range(0, n).toArray();
        double[] reversed = reversed(moment, order);
        DampedFactor factor = DampedFactor.of(reversed, n, damping, workers);
        double[] upper = factor.cholesky().lowerInverse(workers);
        reverse(upper);
        return new SweepFactor(order, upper, factor.damping(), factor.lambda());
    }

    /** Stable: equal columns stay in their order; dead columns come last. */
    private static int[] byFallingDiagonal(SecondMoment moment) {
        return IntStream.range(0, moment.n())
                .boxed()
                .sorted(Comparator.comparingDouble(j -> -moment.value(j, j)))
                .mapToInt(Integer::intValue)
                .toArray();
    }

    /** H without λ in reversed order of the sweep; only its lower triangle. */
    private static double[] reversed(SecondMoment moment, int[] order) {
        int n = moment.n();
        double scale = 2.0 / moment.sequences();
        double[] reversed = new double[n * n];
        for (int i = 0; i < n; i++) {
            int row = order[n - 1 - i] * n;
            for (int j = 0; j <= i; j++) {
                reversed[i * n + j] = scale * moment.values()[row + order[n - 1 - j]];
            }
            if (moment.dead(order[n - 1 - i])) {
                reversed[i * n + i] = 1;
            }
        }
        return reversed;
    }

    private static void reverse(double[] values) {
        for (int i = 0, j = values.length - 1; i < j; i++, j--) {
            double value = values[i];
            values[i] = values[j];
            values[j] = value;
        }
    }
}
