package dev.lowbit.int2lrec;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.DoubleGemm;
import dev.lowbit.tensor.FloatMatrix;

/**
 * The sweep of {@link Gptq} over tiles of rows. Inside a strip of {@value #STRIP} columns the feedback goes column by column, from a strip to the
 * rest of its block and from a block to all columns behind it in one product each.
 *
 * <p>Grids of groups that start in a block are fitted at its start. They so miss the feedback of the block's own columns, which is
 * what the published code does; for fresh groups a block ends where the next group starts. The grid of a whole row is fitted to the original
 * weights, those of dead columns included, as published.
 */
final class GptqSweep {
    private static final int STRIP = 8;

    private final FloatMatrix weights;
    private final SecondMoment moment;
    private final GptqSettings settings;
    private final SweepFactor factor;
    private final int n;
    /** Of a block. */
    private final int width;

    private final int groupSize;
    private final int groups;
    private final byte[] codes;
    private final float[] scales;
    private final int[] zeros;
    private final double[] errorSquares;
    private final double[] distances;
    private final double[] layerErrors;

    GptqSweep(FloatMatrix weights, SecondMoment moment, GptqSettings settings, SweepFactor factor) {
        this.weights = weights;
        this.moment = moment;
        this.settings = settings;
        this.factor = factor;
        this.n = weights.columns();
        this.width = Math.min(settings.blockWidth(), n);
        this.groupSize = AffineCodes.resolve(settings.groupSize(), n);
        this.groups = Math.ceilDiv(n, groupSize);
        this.codes = new byte[AffineCodes.requireArray(weights)];
        this.scales = new float[weights.rows() * groups];
        this.zeros = new int[weights.rows() * groups];
        this.errorSquares = new double[weights.rows()];
        this.distances = new double[weights.rows()];
        this.layerErrors = new double[weights.rows()];
    }

    /** ΣE² of every row. */
    double[] errorSquares() {
        return errorSquares;
    }

    /** ||w - q||² of every row, dead columns of W taken as 0. */
    double[] distances() {
        return distances;
    }

    /** The part of ε of every row. */
    double[] layerErrors() {
        return layerErrors;
    }

    AffineCodes codes() {
        int[] groupIndex = new int[0];
        if (settings.actOrder() && !settings.staticGroups() && groups > 1) {
            groupIndex = new int[n];
            for (int place = 0; place < n; place++) {
                groupIndex[factor.order()[place]] = place / groupSize;
            }
        }
        return new AffineCodes(weights.rows(), n, settings.grid().bits(), groupSize, codes, scales, zeros, groupIndex);
    }

    /** Quantizes rows {@code from} to {@code from + count - 1}. */
    void sweep(int from, int count) {
        Tile tile = new Tile(from, count);
        if (settings.groupSize() != 0 && settings.staticGroups()) {
            tile.fitAll();
        }
        for (int start = 0; start < n; ) {
            int end = blockEnd(start);
            if (settings.groupSize() != 0 && !settings.staticGroups()) {
                tile.fitGroupsOf(start, end);
            }
            for (int strip = start; strip < end; strip += STRIP) {
                int stripEnd = Math.min(end, strip + STRIP);
                tile.sweepStrip(strip, stripEnd, start);
                tile.feedForward(strip, stripEnd, start, end);
            }
            tile.feedForward(start, end, start, n);
            start = end;
        }
        LayerError.addRows(tile.differences, count, moment, layerErrors, from);
    }

    private int blockEnd(int start) {
        int end = Math.min(n, start + width);
        return settings.freshGroups() ? Math.min(end, (start / groupSize + 1) * groupSize) : end;
    }

    /** Some rows, which one thread works on. Columns are in the order of the sweep, but for {@code differences}. */
    private final class Tile {
        private final int from;
        private final int count;
        private final int[] order = factor.order();
        private final double[] upper = factor.upper();
        private final int largest = settings.grid().largestCode();
        /** W with the feedback so far, count x n. */
        private final double[] w;
        /** E of the present block, count x block width. */
        private final double[] errors = new double[Gptq.ROWS_PER_TILE * width];
        /** W, dead columns 0, and then W - Q; in the original order, count x n. */
        private final double[] differences;

        Tile(int from, int count) {
            this.from = from;
            this.count = count;
            this.w = new double[count * n];
            this.differences = new double[count * n];
            for (int i = 0; i < count; i++) {
                float[] row = RoundToNearest.finiteRow(weights, from + i);
                if (settings.groupSize() == 0) {
                    store(settings.grid().fit(row, 0, n), i, 0);
                }
                for (int place = 0; place < n; place++) {
                    int column = order[place];
                    double value = moment.dead(column) ? 0 : row[column];
                    w[i * n + place] = value;
                    differences[i * n + column] = value;
                }
            }
        }

        /** Grids of all groups from the original weights in their original order. */
        void fitAll() {
            for (int i = 0; i < count; i++) {
                for (int g = 0; g < groups; g++) {
                    fit(differences, i, g);
                }
            }
        }

        /** Grids of the groups that start in a block from what the weights are now. */
        void fitGroupsOf(int start, int end) {
            for (int g = Math.ceilDiv(start, groupSize); g * groupSize < end; g++) {
                for (int i = 0; i < count; i++) {
                    fit(w, i, g);
                }
            }
        }

        private void fit(double[] source, int i, int g) {
            int first = g * groupSize;
            float[] values = new float[Math.min(groupSize, n - first)];
            for (int j = 0; j < values.length; j++) {
                values[j] = (float) source[i * n + first + j];
            }
            store(settings.grid().fit(values, 0, values.length), i, g);
        }

        private void store(AffineGrid.Group group, int i, int g) {
            group.requireStorable(from + i, g);
            scales[(from + i) * groups + g] = group.scale();
            zeros[(from + i) * groups + g] = group.zero();
        }

        /** Decides the columns from {@code start} to {@code end - 1} of the block that begins at {@code block}. */
        void sweepStrip(int start, int end, int block) {
            for (int place = start; place < end; place++) {
                int column = order[place];
                int g = (settings.staticGroups() ? column : place) / groupSize;
                double pivot = upper[place * n + place];
                for (int i = 0; i < count; i++) {
                    int at = (from + i) * groups + g;
                    double present = w[i * n + place];
                    int code = AffineGrid.quantize((float) present, scales[at], zeros[at], largest);
                    double value = scales[at] * (code - zeros[at]);
                    codes[(from + i) * n + column] = (byte) code;
                    double difference = differences[i * n + column] - value;
                    differences[i * n + column] = difference;
                    distances[from + i] += difference * difference;
                    double error = (present - value) / pivot;
                    errorSquares[from + i] += error * error;
                    errors[i * width + place - block] = error;
                    subtract(error, place, end, i);
                }
            }
        }

        private void subtract(double error, int place, int end, int i) {
            int row = i * n;
            int factorRow = place * n;
            for (int k = place + 1; k < end; k++) {
                w[row + k] -= error * upper[factorRow + k];
            }
        }

        /** Subtracts E U of the columns from {@code start} to {@code end - 1}, in the block that begins at {@code block}, from those up to {@code last - 1}. */
        void feedForward(int start, int end, int block, int last) {
            if (end == last) {
                return;
            }
            DoubleGemm.Source fed = DoubleGemm.of(errors, width);
            DoubleGemm.Source factors = DoubleGemm.of(upper, n);
            DoubleGemm.multiply(
                    (row, column, rows, columns, out, stride) ->
                            fed.load(row, start - block + column, rows, columns, out, stride),
                    count,
                    (row, column, rows, columns, out, stride) ->
                            factors.load(start + row, end + column, rows, columns, out, stride),
                    last - end,
                    end - start,
                    DoubleGemm.Part.ALL,
                    (row, column, rows, columns, product, stride) -> {
                        for (int i = 0; i < rows; i++) {
                            int to = (row + i) * n + end + column;
                            for (int j = 0; j < columns; j++) {
                                w[to + j] -= product[i * stride + j];
                            }
                        }
                    },
                    Workers.serial());
        }
    }
}
