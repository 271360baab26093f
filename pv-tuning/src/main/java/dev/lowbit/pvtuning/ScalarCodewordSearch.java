package dev.lowbit.pvtuning;

/** The reference of {@link CodewordSearch}. */
final class ScalarCodewordSearch implements CodewordSearch {
    @Override
    public void best(double[] points, int from, int count, CodewordLanes book, int[] codes) {
        for (int point = from; point < from + count; point++) {
            int at = point * book.dimensions();
            int best = 0;
            double most = Double.NEGATIVE_INFINITY;
            for (int k = 0; k < book.entries(); k++) {
                double gain = book.gain(points, at, k);
                if (gain > most) {
                    most = gain;
                    best = k;
                }
            }
            codes[point] = best;
        }
    }

    @Override
    public void gains(double[] points, int at, CodewordLanes book, double[] gains) {
        for (int k = 0; k < book.stride(); k++) {
            gains[k] = book.gain(points, at, k);
        }
    }

    @Override
    public int firstBelow(
            double limit, double base, double factor, double reference, double[] gains, int from, int end) {
        for (int k = from; k < end; k++) {
            if (base - factor * (gains[k] - reference) < limit) {
                return k;
            }
        }
        return end;
    }

    @Override
    public void addCombination(
            double[] factors,
            int factorsAt,
            int count,
            double[] rows,
            int rowsAt,
            int stride,
            double[] to,
            int at,
            int length) {
        for (int j = 0; j < length; j++) {
            for (int i = 0; i < count; i++) {
                to[at + j] = Math.fma(factors[factorsAt + i], rows[rowsAt + i * stride + j], to[at + j]);
            }
        }
    }
}
