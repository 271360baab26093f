package dev.lowbit.int2lrec;

import dev.lowbit.budget.Candidate;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.method.FormatPrices;
import dev.lowbit.method.FormatPrices.Priced;
import dev.lowbit.method.RankLadder;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The cost table of one matrix: what affine formats alone cost, and what a correction is predicted to leave. That is error(format) * gain(b, r),
 * the gain measured once for each number of code bits on one format: the share of its error that the closed form leaves at rank r. The search of {@link
 * CorrectedQuantization} gains a little more.
 */
final class AffinePrices {
    private static final String PURPOSE = "int2-lrec.price";
    private static final int[] BITS = {2, 3, 4, 5, 8};
    private static final int[] GROUPS = {16, 32, 64, 128, 0};
    private static final FactorFormat[] FACTORS = {FactorFormat.NF8, FactorFormat.F16};
    private static final List<ScaleFormat> SCALES = List.of(
            new ScaleFormat.OneLevel(DType.F16),
            new ScaleFormat.TwoLevel(3, 64, DType.BF16),
            new ScaleFormat.TwoLevel(4, 64, DType.BF16),
            new ScaleFormat.TwoLevel(6, 64, DType.BF16));

    private AffinePrices() {}

    /** See {@link dev.lowbit.method.Compressor#price}. */
    static List<Candidate> of(String name, FloatMatrix w, Importance importance, Limits limits, Workers workers) {
        List<Priced<AffineFormat>> bases =
                FormatPrices.of(w, importance, formats(limits.groupSize(), w.columns()), AffinePrices::errors, workers);
        List<Candidate> candidates = new ArrayList<>();
        if (Math.min(limits.minRank(), Math.min(w.rows(), w.columns())) == 0) {
            bases.forEach(base -> candidates.add(base.candidate()));
        }
        int[] ranks = RankLadder.ranks(limits, w.rows(), w.columns());
        if (ranks.length > 0) {
            Map<Integer, List<Priced<AffineFormat>>> byBits = new TreeMap<>();
            bases.forEach(base -> byBits.computeIfAbsent(base.format().codeBits(), b -> new ArrayList<>())
                    .add(base));
            Weighting weighting = Weighting.of(importance, w.columns(), workers);
            for (List<Priced<AffineFormat>> family : byBits.values()) {
                double[] gains = gains(name, w, importance, weighting, family, ranks, limits, workers);
                for (Priced<AffineFormat> base : family) {
                    addRanks(base, ranks, gains, w, candidates);
                }
            }
        }
        return Candidate.useful(candidates);
    }

    private static void addRanks(
            Priced<AffineFormat> base, int[] ranks, double[] gains, FloatMatrix w, List<Candidate> candidates) {
        for (int i = 0; i < ranks.length; i++) {
            for (FactorFormat factors : FACTORS) {
                SumFormat format = new SumFormat(base.format(), ranks[i], factors.stored());
                candidates.add(new Candidate(
                        format.id(), ranks[i], format.bytes(w.rows(), w.columns()), base.error() * gains[i], false));
            }
        }
    }

    private static double[] gains(
            String name,
            FloatMatrix w,
            Importance importance,
            Weighting weighting,
            List<Priced<AffineFormat>> family,
            int[] ranks,
            Limits limits,
            Workers workers) {
        AffineFormat reference = family.get(family.size() / 2).format();
        try (FloatMatrix residual = FloatMatrix.allocate(w.rows(), w.columns())) {
            double alone = AffineQuantizer.quantize(w, importance, reference, residual, workers)
                    .error();
            int[] withNone = new int[ranks.length + 1];
            System.arraycopy(ranks, 0, withNone, 1, ranks.length);
            double[] left = LowRankCorrection.remaining(
                    residual,
                    weighting.moment(),
                    weighting.outputs(),
                    withNone,
                    weighting.settings(ranks[ranks.length - 1]),
                    RandomStream.of(limits.seed(), PURPOSE, name),
                    workers);
            double[] gains = new double[ranks.length];
            for (int i = 0; i < gains.length; i++) {
                gains[i] = alone > 0 && left[0] > 0 ? left[i + 1] / left[0] : 1;
            }
            return gains;
        }
    }

    private static double[] errors(
            FloatMatrix weights, Importance importance, List<AffineFormat> formats, Workers workers) {
        return formats.stream()
                .mapToDouble(format -> AffineQuantizer.squaredError(weights, importance, format, workers))
                .toArray();
    }

    /** The group size asked for, or when that is 0 those known that are not the same as one group a row. */
    static int[] groups(int groupSize, int[] known, int columns) {
        return groupSize != 0
                ? new int[] {groupSize}
                : Arrays.stream(known).filter(group -> group < columns).toArray();
    }

    /** @param groupSize columns of a group, or 0 for all that the method knows */
    private static List<AffineFormat> formats(int groupSize, int columns) {
        List<AffineFormat> formats = new ArrayList<>();
        for (int group : groups(groupSize, GROUPS, columns)) {
            for (int bits : BITS) {
                for (ScaleFormat scales : SCALES) {
                    formats.add(new AffineFormat(bits, group, scales, false, false));
                    if (bits > 2) {
                        formats.add(new AffineFormat(bits, group, scales, true, false));
                    }
                }
            }
        }
        return formats;
    }
}
