package dev.lowbit.importance;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;

/** Inputs of a few directions and some noise, as activations are, so that there is something to feed back and to correct. */
public final class CorrelatedInputs {
    private static final int DIRECTIONS = 6;

    private CorrelatedInputs() {}

    /** Normal values that depend on the name and the shape. */
    public static FloatMatrix gaussian(int rows, int columns, String name) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(7, "test", name).fillGaussian(m);
        return m;
    }

    /** The importance of a rows x columns matrix with such inputs and outputs of four different weights. */
    public static Hessian hessian(int rows, int columns) {
        FloatMatrix mix = gaussian(DIRECTIONS, columns, "inputs");
        FloatMatrix moment = FloatMatrix.wrap(columns, columns, new float[columns * columns]);
        Gemm.multiply(mix, true, mix, false, moment, Gemm.Mode.SET, Workers.serial());
        for (int j = 0; j < columns; j++) {
            moment.set(j, j, moment.get(j, j) + 0.5f);
        }
        float[] outputs = new float[rows];
        for (int i = 0; i < rows; i++) {
            outputs[i] = 0.25f + i % 4;
        }
        return new Hessian(Hessian.factor(moment, 0.01), outputs);
    }

    /** Squares of normal values: a diagonal importance. */
    public static Importance diagonal(int rows, int columns) {
        FloatMatrix fisher = gaussian(rows, columns, "fisher");
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                fisher.set(i, j, fisher.get(i, j) * fisher.get(i, j));
            }
        }
        return Importance.diagonal(fisher);
    }
}
