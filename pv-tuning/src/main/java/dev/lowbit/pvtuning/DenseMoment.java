package dev.lowbit.pvtuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;

/** A moment with every pair of inputs. */
final class DenseMoment implements InputMoment {
    private static final CodewordSearch KERNEL = CodewordSearch.get();

    private final int columns;
    private final double[] h;

    private DenseMoment(int columns, double[] h) {
        this.columns = columns;
        this.h = h;
    }

    /**
     * A moment, made symmetric by (H + Hᵀ) / 2; it need not be regular.
     *
     * @param moment H, I x I row-major; not modified
     * @param columns I
     * @throws InvalidRequestException for the first entry that is NaN or infinite, and when there are not I x I
     */
    static DenseMoment of(double[] moment, int columns) {
        if (columns < 1 || moment.length != (long) columns * columns) {
            throw InvalidRequestException.usage(moment.length + " moments do not fit " + columns + " columns");
        }
        for (int i = 0; i < moment.length; i++) {
            InputMoment.requireFinite(moment[i], i / columns, i % columns);
        }
        return new DenseMoment(columns, symmetric(moment, columns));
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

    @Override
    public int columns() {
        return columns;
    }

    @Override
    public double at(int i, int j) {
        return h[i * columns + j];
    }

    @Override
    public boolean couples() {
        return true;
    }

    /** One product of rows x I by I x I. */
    @Override
    public double[] times(double[] delta, Workers workers) {
        return DoubleGemm.product(
                DoubleGemm.of(delta, columns),
                delta.length / columns,
                DoubleGemm.of(h, columns),
                columns,
                columns,
                workers);
    }

    @Override
    public InputMoment permuted(int[] order) {
        double[] permuted = new double[h.length];
        for (int i = 0; i < columns; i++) {
            for (int j = 0; j < columns; j++) {
                permuted[i * columns + j] = h[order[i] * columns + order[j]];
            }
        }
        return new DenseMoment(columns, permuted);
    }

    @Override
    public InputMoment padded(int n) {
        double[] padded = new double[Math.multiplyExact(n, n)];
        for (int i = 0; i < columns; i++) {
            System.arraycopy(h, i * columns, padded, i * n, columns);
        }
        return new DenseMoment(n, padded);
    }

    @Override
    public void add(double[] change, int first, double[] to, int at, int length) {
        KERNEL.addCombination(change, 0, change.length, h, first * columns + first, columns, to, at, length);
    }

    @Override
    public void addBehind(double[] change, int rows, int stride, int first, int end, double[] to) {
        DoubleGemm.Source moments = DoubleGemm.of(h, columns);
        DoubleGemm.multiply(
                DoubleGemm.of(change, stride),
                rows,
                (row, column, height, width, out, outStride) ->
                        moments.load(first + row, end + column, height, width, out, outStride),
                columns - end,
                end - first,
                DoubleGemm.Part.ALL,
                (row, column, height, width, product, productStride) -> {
                    for (int i = 0; i < height; i++) {
                        int line = (row + i) * columns + end + column;
                        for (int j = 0; j < width; j++) {
                            to[line + j] += product[i * productStride + j];
                        }
                    }
                },
                Workers.serial());
    }
}
