package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import java.util.Arrays;

/** A moment of inputs that do not go together. What leaves out zeros alone gives the bits of {@link DenseMoment}, but for the signs of zeros. */
final class DiagonalMoment implements InputMoment {
    private final double[] diagonal;

    /** @param diagonal I values; used, not copied */
    DiagonalMoment(double[] diagonal) {
        for (int i = 0; i < diagonal.length; i++) {
            InputMoment.requireFinite(diagonal[i], i, i);
        }
        this.diagonal = diagonal;
    }

    /** H = I. */
    static DiagonalMoment identity(int columns) {
        double[] ones = new double[columns];
        Arrays.fill(ones, 1);
        return new DiagonalMoment(ones);
    }

    @Override
    public int columns() {
        return diagonal.length;
    }

    @Override
    public double at(int i, int j) {
        return i == j ? diagonal[i] : 0;
    }

    @Override
    public boolean couples() {
        return false;
    }

    @Override
    public double[] times(double[] delta, Workers workers) {
        int n = diagonal.length;
        double[] product = new double[delta.length];
        workers.forEach(delta.length / n, row -> {
            for (int j = 0; j < n; j++) {
                product[row * n + j] = delta[row * n + j] * diagonal[j];
            }
        });
        return product;
    }

    @Override
    public InputMoment permuted(int[] columns) {
        double[] permuted = new double[columns.length];
        Arrays.setAll(permuted, place -> diagonal[columns[place]]);
        return new DiagonalMoment(permuted);
    }

    @Override
    public InputMoment padded(int columns) {
        return new DiagonalMoment(Arrays.copyOf(diagonal, columns));
    }

    @Override
    public void add(double[] change, int first, double[] to, int at, int length) {
        for (int i = 0; i < change.length; i++) {
            to[at + i] = Math.fma(change[i], diagonal[first + i], to[at + i]);
        }
    }

    @Override
    public void addBehind(double[] change, int rows, int stride, int first, int end, double[] to) {
        // nothing of it reaches there
    }
}
