package dev.lowbit.store;

import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * What a compressed matrix lost, measured on Ŵ as it is stored.
 *
 * @param squaredError sum of (W - Ŵ)^2
 * @param squaredNorm sum of W^2
 * @param weightedError the objective of the importance: sum of F (W - Ŵ)^2, or of o_i d_i H d_iᵀ; equal to {@code squaredError}
 *     where every weight counts the same
 */
public record MeasuredError(double squaredError, double squaredNorm, double weightedError) {
    /** Values per panel (4 MiB of scratch per worker): fixed, because the sums may not depend on who runs them. */
    private static final long PANEL_VALUES = 1 << 20;

    public MeasuredError {
        if (!(isMagnitude(squaredError) && isMagnitude(squaredNorm) && isMagnitude(weightedError))) {
            throw new IllegalArgumentException("a measured error is finite and not negative, got " + squaredError + ", "
                    + squaredNorm + ", " + weightedError);
        }
    }

    private static boolean isMagnitude(double value) {
        return value >= 0 && value < Double.POSITIVE_INFINITY;
    }

    /** The relative error where there is one. */
    public static OptionalDouble relative(Optional<MeasuredError> error) {
        return error.map(e -> OptionalDouble.of(e.relativeError())).orElseGet(OptionalDouble::empty);
    }

    /** ||W - Ŵ||_F / ||W||_F; 0 when nothing was lost, the largest double when a zero matrix did not stay zero. */
    public double relativeError() {
        return squaredError == 0 ? 0 : Math.min(Math.sqrt(squaredError / squaredNorm), Double.MAX_VALUE);
    }

    /**
     * Compares a matrix with its stored form, a panel of rows at a time, in double, in a fixed order: the same bits for any
     * workers.
     *
     * @param weights W, rows x columns; not modified
     * @param stored Ŵ read back from the bytes written, same shape; not modified
     */
    public static MeasuredError of(
            FloatMatrix weights, QuantizedMatrix stored, Importance importance, Workers workers) {
        int rows = weights.rows();
        int columns = weights.columns();
        if (stored.rows() != rows || stored.columns() != columns) {
            throw new IllegalArgumentException("cannot compare " + rows + " x " + columns + " weights with "
                    + stored.rows() + " x " + stored.columns());
        }
        int panelRows = Math.clamp(PANEL_VALUES / Math.max(1, columns), 1, Math.max(1, rows));
        int panels = Math.ceilDiv(rows, panelRows);
        MeasuredError[] parts = new MeasuredError[panels];
        workers.forEach(panels, panel -> {
            int from = panel * panelRows;
            int count = Math.min(panelRows, rows - from);
            try (FloatMatrix restored = FloatMatrix.allocate(count, columns)) {
                stored.dequantize(from, restored, Workers.serial());
                parts[panel] = ofPanel(weights.rows(from, count), restored, importance, from);
            }
        });
        return Arrays.stream(parts).reduce(new MeasuredError(0, 0, 0), MeasuredError::plus);
    }

    /** @param restored modified */
    private static MeasuredError ofPanel(FloatMatrix weights, FloatMatrix restored, Importance importance, int from) {
        FloatMatrix fisher = importance instanceof Importance.Diagonal diagonal ? diagonal.fisher() : null;
        double error = 0;
        double norm = 0;
        double weighted = 0;
        for (int i = 0; i < weights.rows(); i++) {
            for (int j = 0; j < weights.columns(); j++) {
                double w = weights.get(i, j);
                double difference = w - restored.get(i, j);
                double square = difference * difference;
                error += square;
                norm += w * w;
                weighted += fisher == null ? square : fisher.get(from + i, j) * square;
                restored.set(i, j, (float) difference);
            }
        }
        if (importance instanceof Hessian hessian) {
            weighted = hessian.of(restored, from, Workers.serial());
        }
        return new MeasuredError(error, norm, weighted);
    }

    /** The errors of two disjoint sets of weights together. */
    public MeasuredError plus(MeasuredError other) {
        return new MeasuredError(
                squaredError + other.squaredError,
                squaredNorm + other.squaredNorm,
                weightedError + other.weightedError);
    }
}
