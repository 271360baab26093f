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
}
