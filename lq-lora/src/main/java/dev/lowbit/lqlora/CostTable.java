package dev.lowbit.lqlora;

import dev.lowbit.budget.Candidate;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.linalg.RandomizedSvd;
import dev.lowbit.linalg.SubspaceIteration;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.block.CodebookKind;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.method.FormatPrices;
import dev.lowbit.method.FormatPrices.Priced;
import dev.lowbit.method.RankLadder;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The cost table of one matrix: errors of quantizing alone (exact for NormalFloat, see {@link LearnedPrices}), and predicted errors with a low-rank part.
 *
 * <p>The prediction for rank r and codes of b bits is {@code error(format) * gain(b, r)}. The gain is measured once per (b, r), for b of 2, 3 and 4 and more, on
 * one format of that width: g1 = the first alternation, with L from one singular value decomposition of W that all ranks share;
 * g2 = the second. Later alternations gain in proportion: measured on normal matrices of 128 to 1024 rows, the sixth stands at
 * g1 (g2/g1)^2.4 for 3 bits and more and at g1 (g2/g1)^1.7 for 2 bits, and that is predicted.
 *
 * <p>The second alternation is skipped where even a bound on what alternating can gain leaves the pair above the best smaller
 * choice. On noise of m x n a rank r takes from the error at most about exp(-0.12 - 2.1 r (sqrt m + sqrt n)^2 / (mn)), the second
 * term being the energy of the r largest singular values of noise (measured on the same matrices: -0.04 to -0.15 and
 * -1.2 to -2.5), while it costs r (m + n) 8.13 / (mn) bits a weight, worth a factor of 4^-bits; so without structure in W
 * only the smallest ranks ever pay.
 */
final class CostTable {
    private static final String PURPOSE = "lq-lora.price";
    private static final int OVERSAMPLING = 10;
    private static final int POWER_ITERATIONS = 2;
    private static final FactorFormat[] FACTORS = {FactorFormat.NF8, FactorFormat.BF16};

    private final String name;
    private final FloatMatrix w;
    private final Importance importance;
    /** What gains are measured with: a ratio of errors needs no error feedback, which is dear. */
    private final Importance gainImportance;

    private final Limits limits;
    private final Workers workers;
    private final List<Priced<BlockFormat>> bases;
    private final Map<Family, List<Priced<BlockFormat>>> families = new LinkedHashMap<>();
    private final Map<BlockFormat, Double> aloneOf = new HashMap<>();
    private final Frontier frontier = new Frontier();
    private final List<Candidate> ranked = new ArrayList<>();

    private CostTable(String name, FloatMatrix w, Importance importance, Limits limits, Workers workers) {
        this.name = name;
        this.w = w;
        this.importance = importance;
        this.gainImportance = importance instanceof Hessian hessian
                ? Importance.diagonal(hessian.diagonal().orElseThrow())
                : importance;
        this.limits = limits;
        this.workers = workers;
        this.bases = new ArrayList<>(FormatPrices.of(
                w, importance, CandidateGrid.formats(limits.groupSize()), BlockQuantizer::squaredErrors, workers));
        bases.addAll(LearnedPrices.of(w, importance, limits.groupSize(), workers));
        for (Priced<BlockFormat> priced : bases) {
            families.computeIfAbsent(Family.of(priced.format()), f -> new ArrayList<>())
                    .add(priced);
        }
    }

    /**
     * Configurations that share their low-rank gain; beyond 4 bits it no longer depends on the width. Learned codebooks
     * join NormalFloat of 3 bits or more: part of what 2-bit NormalFloat gains is its lopsidedness, which they have not.
     */
    private record Family(int codeBits) {
        static Family of(BlockFormat format) {
            boolean learned = format.codebook() == CodebookKind.LC;
            return new Family(Math.clamp(format.codeBits(), learned ? 3 : 2, 4));
        }
    }

    /** See {@link dev.lowbit.method.Compressor#price}. */
    static List<Candidate> price(String name, FloatMatrix w, Importance importance, Limits limits, Workers workers) {
        CostTable table = new CostTable(name, w, importance, limits, workers);
        List<Candidate> candidates = new ArrayList<>();
        if (Math.min(limits.minRank(), Math.min(w.rows(), w.columns())) == 0) {
            for (Priced<BlockFormat> priced : table.bases) {
                table.frontier.add(priced.bytes(), priced.error());
                candidates.add(priced.candidate());
            }
        }
        int[] ranks = RankLadder.ranks(limits, w.rows(), w.columns());
        if (ranks.length > 0) {
            table.addRanks(ranks);
        }
        candidates.addAll(table.ranked);
        return Candidate.useful(candidates);
    }

    private void addRanks(int[] ranks) {
        int largest = ranks[ranks.length - 1];
        FisherWeights weights =
                FisherWeights.of(importance, FisherHeuristic.TWO_SIDED).orElse(null);
        try (LowRank all = LowRank.allocate(w.rows(), w.columns(), largest);
                LowRank none = LowRank.allocate(w.rows(), w.columns(), 0);
                FloatMatrix rest = FloatMatrix.allocate(w.rows(), w.columns());
                FloatMatrix error = FloatMatrix.allocate(w.rows(), w.columns())) {
            RandomizedSvd.of(
                    new ResidualMap(w, none, 1, weights), all, OVERSAMPLING, POWER_ITERATIONS, stream(), workers);
            if (weights != null) {
                weights.removeFrom(all);
            }
            rest.copyFrom(w);
            int before = 0;
            for (int rank : ranks) {
                try (LowRank step = slice(all, before, rank);
                        LowRank low = slice(all, 0, rank)) {
                    step.subtractFrom(rest, workers);
                    addRank(low, rest, error, weights);
                }
                before = rank;
            }
        }
    }

    /** Prices one rank: {@code rest} is W - low; {@code error} is scratch (modified). */
    private void addRank(LowRank low, FloatMatrix rest, FloatMatrix error, FisherWeights weights) {
        List<Candidate> found = new ArrayList<>();
        for (Map.Entry<Family, List<Priced<BlockFormat>>> family : families.entrySet()) {
            List<Priced<BlockFormat>> members = family.getValue();
            Priced<BlockFormat> reference = reference(family.getKey(), members);
            if (reference == null) {
                continue;
            }
            double alone = alone(reference);
            double first = gain(
                    BlockQuantizer.quantizeResidual(rest, gainImportance, reference.format(), error, workers), alone);
            if (!promising(members, low.rank(), first * furtherGainBound(low.rank()))) {
                continue;
            }
            double second = gain(secondAlternation(low, error, reference.format(), weights), alone);
            double exponent = family.getKey().codeBits() > 2 ? 2.4 : 1.7;
            double gain = second < first ? first * StrictMath.pow(second / first, exponent) : first;
            for (Priced<BlockFormat> member : members) {
                for (FactorFormat factors : FACTORS) {
                    found.add(candidate(member, low.rank(), factors, member.error() * gain));
                }
            }
        }
        for (Candidate candidate : found) {
            frontier.add(candidate.bytes(), candidate.error());
        }
        ranked.addAll(found);
    }

    /** The middle one of the NormalFloat formats with the family's code bits. */
    private static Priced<BlockFormat> reference(Family family, List<Priced<BlockFormat>> members) {
        List<Priced<BlockFormat>> normal = members.stream()
                .filter(m -> m.format().codebook() == CodebookKind.NF)
                .filter(m -> m.format().codeBits() == family.codeBits())
                .toList();
        return normal.isEmpty() ? null : normal.get(normal.size() / 2);
    }

    /** The error of quantizing alone in the measure of gains. */
    private double alone(Priced<BlockFormat> reference) {
        return gainImportance == importance
                ? reference.error()
                : aloneOf.computeIfAbsent(
                        reference.format(), format -> BlockQuantizer.squaredError(w, gainImportance, format, workers));
    }

    private static double gain(double error, double alone) {
        return alone > 0 ? error / alone : 1;
    }

    /** The error after a second alternation; {@code error} holds W - low - Q on entry and is modified. */
    private double secondAlternation(LowRank low, FloatMatrix error, BlockFormat format, FisherWeights weights) {
        try (SubspaceIteration iteration = new SubspaceIteration(low, stream());
                LowRank next = LowRank.allocate(w.rows(), w.columns(), low.rank())) {
            iteration.approximate(new ResidualMap(error, low, 1, weights), next, workers);
            if (weights != null) {
                weights.removeFrom(next);
            }
            error.copyFrom(w);
            next.subtractFrom(error, workers);
            return BlockQuantizer.quantizeResidual(error, gainImportance, format, error, workers);
        }
    }

    private boolean promising(List<Priced<BlockFormat>> members, int rank, double optimisticGain) {
        for (Priced<BlockFormat> member : members) {
            for (FactorFormat factors : FACTORS) {
                long bytes = member.bytes() + factors.bytes(rank, w.rows(), w.columns());
                if (member.error() * optimisticGain < frontier.at(bytes)) {
                    return true;
                }
            }
        }
        return false;
    }

    private double furtherGainBound(int rank) {
        double sides = Math.sqrt(w.rows()) + Math.sqrt(w.columns());
        return StrictMath.exp(-0.12 - 2.1 * rank * sides * sides / w.size());
    }

    private Candidate candidate(Priced<BlockFormat> base, int rank, FactorFormat factors, double error) {
        String format = base.format().id() + "+r" + rank + "-" + factors.id();
        long bytes = base.bytes() + factors.bytes(rank, w.rows(), w.columns());
        return new Candidate(format, rank, bytes, error, false);
    }

    private RandomStream stream() {
        return RandomStream.of(limits.seed(), PURPOSE, name);
    }

    /** Columns (rows) from .. to-1 of the factors, as factors of their own. */
    private static LowRank slice(LowRank all, int from, int to) {
        LowRank part = LowRank.allocate(all.rows(), all.columns(), to - from);
        for (int i = 0; i < all.rows(); i++) {
            for (int k = from; k < to; k++) {
                part.left().set(i, k - from, all.left().get(i, k));
            }
        }
        part.right().copyFrom(all.right().rows(from, to - from));
        return part;
    }
}
