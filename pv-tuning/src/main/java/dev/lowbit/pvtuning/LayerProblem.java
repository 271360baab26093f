package dev.lowbit.pvtuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;

/** What a layer's quantization minimises: W and H, with W H and the energy w H wᵀ of every row, and who may work on it. */
final class LayerProblem {
    private final int rows;
    private final int columns;
    private final double[] weights;
    private final InputMoment moment;
    private final double[] weightsByMoment;
    private final double[] rowEnergies;
    private final double energy;
    private final Workers workers;

    /**
     * A problem.
     *
     * @param weights W, O x I row-major; used, not copied, not modified
     * @param moment H
     * @throws NonFiniteWeightException for the first weight that is NaN or infinite
     * @throws InvalidRequestException when the weights are not rows of I
     */
    LayerProblem(double[] weights, InputMoment moment, Workers workers) {
        this.columns = moment.columns();
        if (weights.length % columns != 0) {
            throw InvalidRequestException.usage(weights.length + " weights are no rows of " + columns + " columns");
        }
        this.rows = weights.length / columns;
        this.weights = weights;
        this.moment = moment;
        this.workers = workers;
        requireFinite(weights, columns);
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

    private static void requireFinite(double[] weights, int columns) {
        for (int i = 0; i < weights.length; i++) {
            if (!Double.isFinite(weights[i])) {
                throw new NonFiniteWeightException(i / columns, i % columns, (float) weights[i]);
            }
        }
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

    /** H. */
    InputMoment moment() {
        return moment;
    }

    /**
     * Δ H.
     *
     * @param delta Δ, or any other O x I, row-major; not modified
     */
    double[] timesMoment(double[] delta) {
        return moment.times(delta, workers);
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
