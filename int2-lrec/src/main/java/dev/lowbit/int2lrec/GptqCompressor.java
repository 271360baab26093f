package dev.lowbit.int2lrec;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.BeyondFormat;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.FormatPrices;
import dev.lowbit.method.FormatPrices.Priced;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.Shape;
import java.util.ArrayList;
import java.util.List;

/**
 * {@link Gptq} with its published settings on whole models (its damping is that of the {@link Hessian}), and {@link RoundToNearest} where nothing is known of the inputs together: the
 * baseline that other methods are held against under the same calibration, budget and evaluation. Ranges of groups from their smallest to
 * their largest value, no search, no correction.
 */
public final class GptqCompressor implements Compressor {
    private static final int[] BITS = {2, 3, 4, 8};
    private static final int[] GROUPS = {32, 64, 128, 0};

    /** For ServiceLoader. */
    public GptqCompressor() {}

    @Override
    public String name() {
        return "gptq";
    }

    @Override
    public List<Candidate> price(
            String name, FloatMatrix weights, Importance importance, Limits limits, Workers workers) {
        if (limits.minRank() > 0) {
            throw InvalidRequestException.usage("gptq has no low-rank part, but --min-rank is " + limits.minRank()
                    + "; take 0, or the method int2-lrec");
        }
        List<AffineFormat> formats = formats(limits.groupSize(), weights.columns());
        return FormatPrices.of(weights, importance, formats, GptqCompressor::errors, workers).stream()
                .map(Priced::candidate)
                .toList();
    }

    private static double[] errors(
            FloatMatrix weights, Importance importance, List<AffineFormat> formats, Workers workers) {
        return formats.stream()
                .mapToDouble(format -> BeyondFormat.orInfinite(() -> error(weights, importance, format, workers)))
                .toArray();
    }

    private static double error(FloatMatrix weights, Importance importance, AffineFormat format, Workers workers) {
        try (FloatMatrix residual = FloatMatrix.allocate(weights.rows(), weights.columns())) {
            codes(weights, importance, format, workers).residual(weights, residual, workers);
            return importance.of(residual, workers);
        }
    }

    private static List<AffineFormat> formats(int groupSize, int columns) {
        List<AffineFormat> formats = new ArrayList<>();
        for (int group : AffinePrices.groups(groupSize, GROUPS, columns)) {
            for (int bits : BITS) {
                formats.add(new AffineFormat(bits, group, new ScaleFormat.OneLevel(DType.F16), false, false));
            }
        }
        return formats;
    }

    @Override
    public Candidate confirm(
            String name,
            FloatMatrix weights,
            Importance importance,
            Candidate candidate,
            Limits limits,
            Workers workers) {
        double error = error(weights, importance, parse(candidate), workers);
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
        AffineFormat format = parse(candidate);
        return codes(weights, importance, format, workers).matrix(format);
    }

    private AffineFormat parse(Candidate candidate) {
        MatrixFormat format = MatrixFormats.parse(candidate.format());
        if (!writes(format)) {
            throw InvalidRequestException.usage(
                    "gptq does not write the format " + format.id() + "; take one like affine4-g128-f16");
        }
        return (AffineFormat) format;
    }

    private static AffineCodes codes(FloatMatrix weights, Importance importance, AffineFormat format, Workers workers) {
        DType scaleType = ((ScaleFormat.OneLevel) format.scales()).type();
        AffineGrid grid = AffineGrid.of(format.codeBits()).scales(scaleType);
        if (importance instanceof Hessian hessian) {
            SecondMoment moment =
                    Weighting.of(hessian, weights.columns(), workers).moment();
            GptqSettings settings =
                    GptqSettings.published(grid, format.groupSize()).damping(Weighting.NO_DAMPING);
            return Gptq.quantize(weights, moment, settings, workers).codes();
        }
        // Without anything off the diagonal there is nothing to feed an error to.
        return RoundToNearest.quantize(weights, format.groupSize(), grid, workers);
    }

    @Override
    public boolean writes(MatrixFormat format) {
        return format instanceof AffineFormat affine
                && !affine.indexed()
                && !affine.symmetric()
                && affine.scales() instanceof ScaleFormat.OneLevel;
    }

    /** Codes twice, a matrix of floats, and four matrices of the inputs in double: second moment, Hessian, factor, its inverse. */
    @Override
    public long scratchBytes(int rows, int columns, Limits limits, boolean weighted) {
        return 6L * rows * columns + heapBytes(rows, columns, limits, weighted) + (8 << 20);
    }

    /** Codes, one to a byte and packed; the second moment, its damped copy, the factor and its inverse. */
    @Override
    public long heapBytes(int rows, int columns, Limits limits, boolean weighted) {
        return 2L * rows * columns + (weighted ? 4L * Double.BYTES * columns * columns : 0);
    }

    @Override
    public boolean takes(int rows, int columns, boolean weighted) {
        return (!weighted || Shape.fitsArray(columns, columns)) && Shape.fitsArray(rows, columns);
    }

    /** GPTQ's paper counts codes alone; INT2.1 adds the factors that tuning may have given a matrix. */
    @Override
    public double paperBitsPerWeight(String format, int rows, int columns) {
        return Int2Lrec.paperBits(format, rows, columns);
    }
}
