package dev.lowbit.int2lrec;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.MatrixJob;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.Shape;
import java.util.List;

/**
 * INT2.1 (Chai, Gkountouras, Ko, Brooks, Wei: arXiv 2306.08162): integers on affine grids by GPTQ, their error corrected by a low-rank term,
 * W ~ Q + B A. The correction is the closed form of {@link LowRankCorrection}, found in turn with Q ({@link CorrectedQuantization}); format and
 * rank of each matrix are the choice of one budget program. The paper's own training of B and A is what {@code lowbit tune} does next. See
 * docs/methods/int2-lrec.md.
 */
public final class Int2Lrec implements Compressor {
    private static final int STEPS = 8;

    /** The steps whose best error {@link #confirm} reports; compress runs the same ones and then goes on. */
    private static final int CONFIRMED_STEPS = 2;

    /** For ServiceLoader; {@link #builder()} compresses a single matrix to a budget. */
    public Int2Lrec() {}

    /** Starts the description of how to compress single matrices. */
    public static MatrixJob.Builder builder() {
        return new MatrixJob.Builder(new Int2Lrec());
    }

    @Override
    public String name() {
        return "int2-lrec";
    }

    @Override
    public List<Candidate> price(
            String name, FloatMatrix weights, Importance importance, Limits limits, Workers workers) {
        return AffinePrices.of(name, weights, importance, limits, workers);
    }

    @Override
    public Candidate confirm(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        double error = run(name, weights, importance, candidate, CONFIRMED_STEPS, limits, workers)
                .error();
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
        return run(name, weights, importance, candidate, STEPS, limits, workers).matrix();
    }

    private static CorrectedQuantization.Result run(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            int steps,
            Limits limits,
            Workers workers) {
        MatrixFormat format = MatrixFormats.parse(candidate.format());
        if (format instanceof AffineFormat base) {
            AffineQuantizer.Result result = AffineQuantizer.quantize(weights, importance, base, workers);
            return new CorrectedQuantization.Result(result.matrix(), result.error());
        }
        if (format instanceof SumFormat sum && sum.base() instanceof AffineFormat) {
            return CorrectedQuantization.of(name, weights, importance, sum, steps, limits.seed(), workers);
        }
        throw notWritten(format);
    }

    private static InvalidRequestException notWritten(MatrixFormat format) {
        return InvalidRequestException.usage(
                "int2-lrec does not write the format " + format.id() + "; take one that its cost table offers");
    }

    @Override
    public boolean writes(MatrixFormat format) {
        return switch (format) {
            case AffineFormat affine -> !affine.indexed();
            case SumFormat sum ->
                sum.base() instanceof AffineFormat affine && !affine.indexed() && FactorFormat.knows(sum.factor());
            default -> false;
        };
    }

    /** Five matrices of floats (residual, aim, correction, and two scaled copies), packed results, and three second moments in double. */
    @Override
    public long scratchBytes(int rows, int columns, Limits limits, boolean weighted) {
        long size = (long) rows * columns;
        long width = Math.min(limits.maxRank(), Math.min(rows, columns)) + 64L;
        return 22 * size
                + heapBytes(rows, columns, limits, weighted)
                + 8 * Double.BYTES * width * ((long) rows + columns + width)
                + (1 << 20);
    }

    /** The second moments. */
    @Override
    public long heapBytes(int rows, int columns, Limits limits, boolean weighted) {
        return weighted ? 3L * Double.BYTES * columns * columns : 0;
    }

    @Override
    public boolean takes(int rows, int columns, boolean weighted) {
        return !weighted || Shape.fitsArray(columns, columns);
    }

    /** The paper's 2.1 bits count codes and adapters, but neither scales nor zero points. */
    @Override
    public double paperBitsPerWeight(String format, int rows, int columns) {
        return paperBits(format, rows, columns);
    }

    static double paperBits(String format, int rows, int columns) {
        MatrixFormat parsed = MatrixFormats.parse(format);
        MatrixFormat base = parsed instanceof SumFormat sum ? sum.base() : parsed;
        if (base instanceof AffineFormat affine) {
            long factors = parsed.bytes(rows, columns) - affine.bytes(rows, columns);
            return affine.codeBits() + 8.0 * factors / ((double) rows * columns);
        }
        throw notWritten(parsed);
    }
}
