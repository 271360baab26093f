package dev.lowbit.compeft;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;

/**
 * The magnitude of a given rank, found by histograms of bit patterns: patterns of magnitudes are ordered as the magnitudes. Every pass counts
 * the next bits of the patterns that agree with the threshold so far. Two passes settle all types but F64, whose values alone need the low 29 bits of
 * a double, in two more.
 *
 * @param pattern bits of the threshold t, as a double
 * @param above entries of larger magnitude
 * @param ties entries of magnitude t
 */
record MagnitudeThreshold(long pattern, long above, long ties) {
    /** Bits that each pass looks at; all together a double without its sign. */
    private static final int[] WIDTHS = {17, 17, 15, 14};

    /** Passes after which 29 bits are left. */
    private static final int PASSES_OF_FLOATS = 2;

    /** The bits of |value|. */
    static long pattern(double value) {
        return Double.doubleToRawLongBits(value) & Long.MAX_VALUE;
    }

    /**
     * The threshold of which {@code rank} entries are at least as large, ties counted one by one.
     *
     * @param rank from 1 to the number of entries
     */
    static MagnitudeThreshold ofLargest(FlatUpdate update, long rank, Workers workers) {
        boolean doubles = update.tensors().stream().anyMatch(tensor -> tensor.type() == DType.F64);
        long prefix = 0;
        long above = 0;
        long ties = update.length();
        int shift = Long.SIZE - 1;
        for (int pass = 0; pass < (doubles ? WIDTHS.length : PASSES_OF_FLOATS); pass++) {
            shift -= WIDTHS[pass];
            long[] histogram = histogram(update, prefix, shift, WIDTHS[pass], workers);
            int bucket = histogram.length - 1;
            while (above + histogram[bucket] < rank) {
                above += histogram[bucket--];
            }
            ties = histogram[bucket];
            prefix = prefix << WIDTHS[pass] | bucket;
        }
        return new MagnitudeThreshold(prefix << shift, above, ties);
    }

    /** Counts the {@code width} bits above {@code shift} where the bits above those are {@code prefix}. */
    private static long[] histogram(FlatUpdate update, long prefix, int shift, int width, Workers workers) {
        // one histogram for each thread and not for each task, because it is larger than what a task reads; counts have
        // no rounding
        int stripes = Math.min(workers.parallelism(), update.tasks());
        long[][] counts = new long[stripes][];
        workers.forEach(stripes, stripe -> {
            long from = update.length() * stripe / stripes;
            long to = update.length() * (stripe + 1) / stripes;
            counts[stripe] = count(update, from, to, prefix, shift, width);
        });
        long[] sum = counts[0];
        for (int stripe = 1; stripe < stripes; stripe++) {
            for (int i = 0; i < sum.length; i++) {
                sum[i] += counts[stripe][i];
            }
        }
        return sum;
    }

    private static long[] count(FlatUpdate update, long from, long to, long prefix, int shift, int width) {
        long[] counts = new long[1 << width];
        int mask = counts.length - 1;
        update.scan(from, to, (values, count, at) -> {
            for (int i = 0; i < count; i++) {
                long bits = pattern(values[i]) >>> shift;
                if (bits >>> width == prefix) {
                    counts[(int) bits & mask]++;
                }
            }
        });
        return counts;
    }
}
