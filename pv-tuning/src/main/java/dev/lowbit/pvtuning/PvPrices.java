package dev.lowbit.pvtuning;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.importance.RowSample;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;

/**
 * The cost table of one matrix: what every {@link CodeShape} costs with the model's codebooks on some rows, carried over to the whole in proportion to what
 * nothing at all would cost.
 */
final class PvPrices {
    private static final int SAMPLE = 1 << 14;
    private static final MatrixQuantizer.Effort EFFORT = new MatrixQuantizer.Effort(2, 1, 1);

    /** Rows of fewer weights have scales on two levels. */
    private static final int LONG_ROW = 1024;

    /** Codes of so many bits a weight are worth scales of 6 bits; below, those cost more than they gain over 4. */
    private static final double MANY_BITS = 2.5;

    private PvPrices() {}

    /** See {@link Compressor#price}. */
    static List<Candidate> of(
            Compressor method,
            String name,
            FloatMatrix w,
            Importance importance,
            SharedCodebooks books,
            Limits limits,
            Workers workers) {
        if (limits.minRank() > 0) {
            throw InvalidRequestException.usage(
                    "pv-tuning has no low-rank part, but --min-rank is " + limits.minRank() + "; take 0");
        }
        List<CodeShape> shapes = CodeShape.worthwhile(books.matrices(), limits.groupSize());
        List<Candidate> candidates = new ArrayList<>();
        try (RowSample sample = RowSample.of(w, importance, SAMPLE)) {
            FloatMatrix rows = sample.weights();
            WeightedMoment moment = WeightedMoment.of(sample.importance(), rows.rows(), rows.columns(), workers);
            double whole = energy(w, importance, workers);
            double part = energy(rows, sample.importance(), workers);
            double ratio = part > 0 ? whole / part : 1;
            for (CodeShape shape : shapes) {
                AdditiveFormat format = shape.format(scales(shape, w.columns()));
                double error = MatrixQuantizer.withCodewords(
                                name,
                                rows,
                                sample.importance(),
                                moment,
                                format,
                                books.codewords(shape),
                                limits.seed(),
                                EFFORT,
                                workers)
                        .error();
                long bytes = method.bytes(format, w.rows(), w.columns());
                candidates.add(new Candidate(format.id(), 0, bytes, error * ratio, false));
            }
        }
        return candidates;
    }

    private static ScaleFormat scales(CodeShape shape, int columns) {
        return columns < LONG_ROW
                ? new ScaleFormat.TwoLevel(shape.bits() < MANY_BITS ? 4 : 6, 64, DType.BF16)
                : new ScaleFormat.OneLevel(DType.BF16);
    }

    /** What zeros in place of the weights would cost, as far as no pairs count. */
    private static double energy(FloatMatrix w, Importance importance, Workers workers) {
        return importance
                .diagonal()
                .map(Importance::diagonal)
                .orElse(Importance.uniform())
                .of(w, workers);
    }
}
