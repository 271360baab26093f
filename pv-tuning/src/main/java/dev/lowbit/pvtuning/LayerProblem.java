package dev.lowbit.pvtuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;

/** What a layer's quantization minimises: W and H, with W H and the energy w H wᵀ of every row, and who may work on it. */
final class LayerProblem {
    private final int rows;
    private final int columns;
    private final double[] weights;
    private final double[] moment;
    private final double[] weightsByMoment;
    private final double[] rowEnergies;
    private final double energy;
    private final Workers workers;

    /**
     * A problem; H is made symmetric by (H + Hᵀ) / 2 and need not be regular.
     *
     * @param weights W, O x I row-major; used, not copied, not modified
     * @param moment H, I x I; not modified
     * @param columns I
     * @throws NonFiniteWeightException for the first weight that is NaN or infinite
     * @throws InvalidRequestException for the first entry of H that is NaN or infinite, and when sizes disagree
     */
    LayerProblem(double[] weights, double[] moment, int columns, Workers workers) {
        if (columns < 1 || weights.length % columns != 0 || moment.length != (long) columns * columns) {
            throw InvalidRequestException.usage(
                    weights.length + " weights and " + moment.length + " moments do not fit " + columns + " columns");
        }
        this.rows = weights.length / columns;
        this.columns = columns;
        this.weights = weights;
        this.workers = workers;
        requireFinite(weights, moment, columns);
        this.moment = symmetric(moment, columns);
        this.weightsByMoment = timesMoment(weights);
        this.rowEnergies = new double[rows];
        double sum = 0;
        for (int row = 0; row < rows; row++) {
            for (int i = row * columns; i < (row + 1) * columns; i++) {
                rowEnergies[row] += weights[i] * weightsByMoment[i];
            }
            sum += rowEnergies[row];
        }
        this.energy = sum;
    }

    private static void requireFinite(double[] weights, double[] moment, int columns) {
        for (int i = 0; i < weights.length; i++) {
            if (!Double.isFinite(weights[i])) {
                throw new NonFiniteWeightException(i / columns, i % columns, (float) weights[i]);
            }
        }
        for (int i = 0; i < moment.length; i++) {
            if (!Double.isFinite(moment[i])) {
                throw InvalidRequestException.usage("the second moment of inputs " + i / columns + " and " + i % columns
                        + " is " + moment[i] + "; calibrate again with finite activations");
            }
        }
    }

    private static double[] symmetric(double[] h, int n) {
        double[] symmetric = new double[h.length];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j <= i; j++) {
                double mean = 0.5 * (h[i * n + j] + h[j * n + i]);
                symmetric[i * n + j] = mean;
                symmetric[j * n + i] = mean;
            }
        }
        return symmetric;
    }

    /** O. */
    int rows() {
        return rows;
    }

    /** I. */
    int columns() {
        return columns;
    }

    /** W, O x I; not to be modified. */
    double[] weights() {
        return weights;
    }

    /** H, I x I, exactly symmetric; not to be modified. */
    double[] moment() {
        return moment;
    }

    /**
     * Δ H, one product of O x I by I x I.
     *
     * @param delta Δ, or any other O x I, row-major; not modified
     */
    double[] timesMoment(double[] delta) {
        return DoubleGemm.product(
                DoubleGemm.of(delta, columns), rows, DoubleGemm.of(moment, columns), columns, columns, workers);
    }

    /** W H, O x I; not to be modified. */
    double[] weightsByMoment() {
        return weightsByMoment;
    }

    /** w H wᵀ of every row; not to be modified. */
    double[] rowEnergies() {
        return rowEnergies;
    }

    /** tr(W H Wᵀ), the loss of a weight of zeros. */
    double energy() {
        return energy;
    }

    Workers workers() {
        return workers;
    }

    /** ρ = L / tr(W H Wᵀ); 0 for a loss that is nothing, whatever the energy. */
    double relativeError(double loss) {
        return loss <= 1e-30 ? 0 : loss / energy;
    }
}
