package dev.lowbit.matrix.affine;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Optional;

/**
 * Scales and zero points of all groups for the smallest (diagonally weighted) error of nearest codes. For each group, from the range lo..hi
 * of its weights with 0 inside, s0 = (hi - lo) / L: 16 multiples of s0 up to 1 (few bits gain by clipping) with every zero point in reach
 * of round(-lo / s0). The scales found are stored, and with two levels the 16 nearest scale codes are tried again.
 *
 * @param scales as stored
 * @param zeros one per group
 */
record AffineFit(EncodedScales scales, byte[] zeros) {
    private static final int LANES = AffineKernels.LANES;

    /** How far from the natural zero point, by bits of a code, the search goes: over all of 2 bits. */
    private static final int[] REACH = {0, 1, 3, 3, 2, 1, 1, 1, 1};

    /** The smallest multiple of the range that is tried, by bits of a code. */
    private static final float[] SMALLEST = {0, 0.3f, 0.4f, 0.55f, 0.7f, 0.8f, 0.85f, 0.9f, 0.94f};

    private static final int ROWS_PER_TASK = 16;

    /** Empty when the format cannot hold the scales. */
    static Optional<AffineFit> of(FloatMatrix weights, Importance importance, AffineFormat format, Workers workers) {
        Search search = new Search(weights, importance.diagonal(), format, workers);
        Optional<EncodedScales> stored = EncodedScales.encode(search.scales, format.scales());
        if (stored.isEmpty() || !(format.scales() instanceof ScaleFormat.TwoLevel two)) {
            return stored.map(scales -> new AffineFit(scales, search.zeros));
        }
        return Optional.of(search.refine(stored.get(), two));
    }

    /** The lowest and the highest zero point that a search around one looks at. */
    static int lowestZero(AffineFormat format, int zero) {
        return format.symmetric() ? zero : Math.max(0, zero - REACH[format.codeBits()]);
    }

    /** See {@link #lowestZero}. */
    static int highestZero(AffineFormat format, int zero) {
        return format.symmetric() ? zero : Math.min(format.largestCode(), zero + REACH[format.codeBits()]);
    }

    private static final class Search {
        private final FloatMatrix weights;
        private final Optional<FloatMatrix> importance;
        private final AffineFormat format;
        private final Workers workers;
        private final int groupsOfRow;
        private final int width;
        private final float[] scales;
        private final byte[] zeros;

        Search(FloatMatrix weights, Optional<FloatMatrix> importance, AffineFormat format, Workers workers) {
            this.weights = weights;
            this.importance = importance;
            this.format = format;
            this.workers = workers;
            this.groupsOfRow = format.groupsOfRow(weights.columns());
            this.width = format.groupColumns(weights.columns());
            this.scales = new float[format.groups(weights.rows(), weights.columns())];
            this.zeros = new byte[scales.length];
            forEachGroup(this::first);
        }

        /** A group of a row: the row's weights and factors (or null), where the group starts, and its number. */
        private interface GroupTask {
            void run(float[] row, float[] factors, int start, int count, int group, Best best);
        }

        private void forEachGroup(GroupTask task) {
            workers.forEach(Math.ceilDiv(weights.rows(), ROWS_PER_TASK), number -> {
                Best best = new Best(format);
                int end = Math.min(weights.rows(), (number + 1) * ROWS_PER_TASK);
                for (int i = number * ROWS_PER_TASK; i < end; i++) {
                    float[] row = weights.rows(i, 1).toArray();
                    float[] factors =
                            importance.isPresent() ? importance.get().rows(i, 1).toArray() : null;
                    for (int g = 0; g < groupsOfRow; g++) {
                        int start = g * width;
                        task.run(row, factors, start, Math.min(width, row.length - start), i * groupsOfRow + g, best);
                    }
                }
            });
        }

        private void first(float[] row, float[] factors, int start, int count, int group, Best best) {
            float low = 0;
            float high = 0;
            for (int j = start; j < start + count; j++) {
                low = Math.min(low, row[j]);
                high = Math.max(high, row[j]);
            }
            float range = format.symmetric() ? 2 * Math.max(-low, high) : high - low;
            float whole = Math.min(range / format.largestCode(), Float.MAX_VALUE);
            float smallest = SMALLEST[format.codeBits()];
            for (int lane = 0; lane < LANES; lane++) {
                best.candidates[lane] = whole * (smallest + (1 - smallest) * lane / (LANES - 1));
            }
            int natural = format.symmetric() || whole == 0 ? format.middle() : Math.round(-low / whole);
            best.search(row, factors, start, count, Math.min(natural, format.largestCode()));
            scales[group] = best.candidates[best.lane];
            zeros[group] = (byte) best.zero;
        }

        AffineFit refine(EncodedScales stored, ScaleFormat.TwoLevel two) {
            byte[] codes = stored.codes().clone();
            int last = (1 << two.codeBits()) - 1;
            forEachGroup((row, factors, start, count, group, best) -> {
                float superScale = stored.superScales()[group / two.superGroup()];
                int present = Byte.toUnsignedInt(codes[group]);
                int lowest = two.around(present, superScale, stored.offset(), best.candidates);
                best.search(row, factors, start, count, zeros[group] & 0xff);
                codes[group] = (byte) Math.min(lowest + best.lane, last);
                zeros[group] = (byte) best.zero;
            });
            float[] values = EncodedScales.decode(two, codes, stored.superScales(), stored.offset());
            return new AffineFit(
                    values == null ? stored : new EncodedScales(values, codes, stored.superScales(), stored.offset()),
                    zeros);
        }
    }

    /** The best of 16 scales and the zero points around one; of equals the zero point and then the scale found first. */
    private static final class Best {
        private final AffineFormat format;
        private final float[] candidates = new float[LANES];
        private final float[] costs = new float[LANES];
        private int lane;
        private int zero;

        Best(AffineFormat format) {
            this.format = format;
        }

        void search(float[] row, float[] factors, int start, int count, int around) {
            lane = 0;
            zero = around;
            float smallest = Float.POSITIVE_INFINITY;
            for (int z = lowestZero(format, around); z <= highestZero(format, around); z++) {
                AffineKernels.get().costs(row, factors, start, count, candidates, z, format.largestCode(), costs);
                for (int l = 0; l < LANES; l++) {
                    if (costs[l] < smallest) {
                        smallest = costs[l];
                        lane = l;
                        zero = z;
                    }
                }
            }
        }
    }
}
