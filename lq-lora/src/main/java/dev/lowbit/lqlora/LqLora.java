package dev.lowbit.lqlora;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.block.CodebookKind;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.MatrixJob;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;

/**
 * LQ-LoRA (Guo, Greengard, Xing, Kim: arXiv 2311.12023): a matrix is a few-bit matrix plus a low-rank one, W ~ Q + L1 L2, and
 * format and rank of each matrix are the choice of one budget program. See docs/methods/lq-lora.md.
 */
public final class LqLora implements Compressor {
    /** The most alternations of a compression; it stops earlier when they gain nothing (see {@link LqSettings#fast}). */
    private static final int ALTERNATIONS = 100;

    /** The alternations whose best error {@link #confirm} reports; compress runs the same ones and then goes on. */
    private static final int CONFIRMED_ALTERNATIONS = 6;

    /** The same two with a learned codebook, which is fitted anew in each alternation at a hundred times the cost. */
    private static final int LEARNED_ALTERNATIONS = 8;

    private static final int LEARNED_CONFIRMED_ALTERNATIONS = 3;

    /** For ServiceLoader; {@link #builder()} compresses a single matrix to a budget. */
    public LqLora() {}

    /** Starts the description of how to compress single matrices. */
    public static MatrixJob.Builder builder() {
        return new MatrixJob.Builder(new LqLora());
    }

    @Override
    public String name() {
        return "lq-lora";
    }

    @Override
    public List<Candidate> price(
            String name, FloatMatrix weights, Importance importance, Limits limits, Workers workers) {
        FisherWeights.check(name, importance, weights.rows(), weights.columns());
        return CostTable.price(name, weights, importance, limits, workers);
    }

    @Override
    public Candidate confirm(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        MatrixFormat format = MatrixFormats.parse(candidate.format());
        if (format instanceof BlockFormat base) {
            FisherWeights.check(name, importance, weights.rows(), weights.columns());
            double error = BlockQuantizer.squaredError(weights, importance, base, workers);
            // The sweep adds up its own costs in float, a file is measured by a product with the factor.
            return importance instanceof Hessian
                    ? Compressor.confirmed(candidate, error, weights, importance, workers)
                    : new Candidate(candidate.format(), candidate.rank(), candidate.bytes(), error, true);
        }
        LqSettings settings = settings(format, CONFIRMED_ALTERNATIONS, LEARNED_CONFIRMED_ALTERNATIONS);
        Decomposition found = LqDecomposer.decompose(name, weights, importance, settings, limits.seed(), workers);
        double error = found.bestError() * found.bestError();
        return Compressor.confirmed(candidate, error, weights, importance, workers);
    }

    @Override
    public QuantizedMatrix compress(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        MatrixFormat format = MatrixFormats.parse(candidate.format());
        if (format instanceof BlockFormat base) {
            FisherWeights.check(name, importance, weights.rows(), weights.columns());
            return BlockQuantizer.quantize(weights, importance, base, workers);
        }
        LqSettings settings = settings(format, ALTERNATIONS, LEARNED_ALTERNATIONS);
        try (FloatMatrix scratch = FloatMatrix.allocate(weights.rows(), weights.columns())) {
            return LqDecomposer.decompose(name, weights, importance, settings, limits.seed(), scratch, workers)
                    .pack(weights, importance, scratch, workers);
        }
    }

    private static LqSettings settings(MatrixFormat format, int fixed, int learned) {
        if (format instanceof SumFormat sum && sum.base() instanceof BlockFormat base) {
            int alternations = base.codebook() == CodebookKind.LC ? learned : fixed;
            return LqSettings.fast(base, sum.rank(), FactorFormat.of(sum.factor()), alternations);
        }
        throw InvalidRequestException.usage(
                "lq-lora does not write the format " + format.id() + "; take one that its cost table offers");
    }

    @Override
    public boolean writes(MatrixFormat format) {
        return format instanceof BlockFormat
                || format instanceof SumFormat sum
                        && sum.base() instanceof BlockFormat
                        && FactorFormat.knows(sum.factor());
    }

    /** Two matrices of the same size (pricing needs W - L and E), the packed result, and factors of the rank's width. */
    @Override
    public long scratchBytes(int rows, int columns, Limits limits, boolean weighted) {
        long size = (long) rows * columns;
        long width = Math.min(limits.maxRank(), Math.min(rows, columns)) + 32L;
        return 9 * size + 8 * Float.BYTES * width * ((long) rows + columns + width) + (1 << 20);
    }

    /** The paper counts codes, scale codes and super-scales; not the offset, the padding or the low-rank part. */
    @Override
    public double paperBitsPerWeight(String format, int rows, int columns) {
        MatrixFormat parsed = MatrixFormats.parse(format);
        MatrixFormat base = parsed instanceof SumFormat sum ? sum.base() : parsed;
        if (base instanceof BlockFormat blocks) {
            long size = (long) rows * columns;
            return blocks.formulaBits(size) / size;
        }
        throw InvalidRequestException.usage("lq-lora does not write the format " + format);
    }
}
