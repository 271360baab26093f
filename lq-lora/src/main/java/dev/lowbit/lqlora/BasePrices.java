package dev.lowbit.lqlora;

import dev.lowbit.budget.Candidate;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.importance.RowSample;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What quantizing alone costs: the exact error of every configuration that no other beats in bytes and error.
 *
 * <p>On a large matrix samples of its rows, each larger than the one before, first drop the configurations that another beats
 * there clearly; only the rest is priced on the whole matrix. The same rows are used for all, so what is left of chance is
 * how differently two configurations like the rows chosen: far less than the margins.
 */
final class BasePrices {
    private static final List<Stage> STAGES =
            List.of(new Stage(1 << 15, 0.02), new Stage(1 << 18, 0.003), new Stage(1 << 21, 0.001));

    /** Weights on which formats are priced with error feedback. */
    private static final long FEEDBACK_SAMPLE = 1 << 14;

    private BasePrices() {}

    /**
     * One elimination.
     *
     * @param weights size of the sample
     * @param margin fraction of the error by which another must be better
     */
    private record Stage(long weights, double margin) {}

    /**
     * A configuration with its price.
     *
     * @param error squared (weighted) error
     * @param exact whether the error was measured on the whole matrix
     */
    record Priced(BlockFormat format, long bytes, double error, boolean exact) {
        Candidate candidate() {
            return new Candidate(format.id(), 0, bytes, error, exact);
        }
    }

    /** Ascending bytes, descending errors; with a Hessian predictions, but for small matrices. */
    static List<Priced> of(FloatMatrix w, Importance importance, List<BlockFormat> formats, Workers workers) {
        if (importance instanceof Hessian hessian) {
            return withFeedback(w, hessian, formats, workers);
        }
        List<BlockFormat> worthwhile = formats;
        for (Stage stage : STAGES) {
            if (w.size() < 2 * stage.weights()) {
                break;
            }
            try (RowSample sample = RowSample.of(w, importance, stage.weights())) {
                List<Priced> rough = price(sample.weights(), sample.importance(), worthwhile, w, workers);
                worthwhile = undominated(rough, 1 - stage.margin()).stream()
                        .map(Priced::format)
                        .toList();
            }
        }
        return undominated(price(w, importance, worthwhile, w, workers), 1);
    }

    /**
     * Error feedback costs a product with the Hessian for each format. So the diagonal alone decides which formats are
     * worthwhile; those are priced on a sample of the rows, and carried over to the matrix in proportion to the diagonal's error.
     */
    private static List<Priced> withFeedback(
            FloatMatrix w, Hessian hessian, List<BlockFormat> formats, Workers workers) {
        Importance diagonal = Importance.diagonal(hessian.diagonal().orElseThrow());
        List<Priced> worthwhile = of(w, diagonal, formats, workers);
        List<BlockFormat> rest = worthwhile.stream().map(Priced::format).toList();
        boolean whole = w.size() <= FEEDBACK_SAMPLE;
        List<Priced> prices = new ArrayList<>();
        try (RowSample sample = RowSample.of(w, hessian, whole ? w.size() : FEEDBACK_SAMPLE)) {
            Importance sampledDiagonal =
                    Importance.diagonal(sample.importance().diagonal().orElseThrow());
            double[] plain = BlockQuantizer.squaredErrors(sample.weights(), sampledDiagonal, rest, workers);
            double[] swept = BlockQuantizer.squaredErrors(sample.weights(), sample.importance(), rest, workers);
            for (int i = 0; i < swept.length; i++) {
                Priced priced = worthwhile.get(i);
                double ratio = whole || !(plain[i] > 0) ? 1 : priced.error() / plain[i];
                prices.add(new Priced(priced.format(), priced.bytes(), swept[i] * ratio, whole));
            }
        }
        return undominated(prices, 1);
    }

    private static List<Priced> price(
            FloatMatrix measured,
            Importance importance,
            List<BlockFormat> formats,
            FloatMatrix shape,
            Workers workers) {
        double[] errors = BlockQuantizer.squaredErrors(measured, importance, formats, workers);
        return IntStream.range(0, errors.length)
                .filter(i -> Double.isFinite(errors[i]))
                .mapToObj(i -> new Priced(
                        formats.get(i),
                        formats.get(i).bytes(shape.rows(), shape.columns()),
                        errors[i],
                        measured == shape))
                .toList();
    }

    /** Drops what another of at most its bytes beats by the factor; of equals the first in the grid stays. */
    private static List<Priced> undominated(List<Priced> all, double factor) {
        List<Priced> sorted = new ArrayList<>(all);
        sorted.sort(Comparator.comparingLong(Priced::bytes).thenComparingDouble(Priced::error));
        List<Priced> kept = new ArrayList<>();
        double smallest = Double.POSITIVE_INFINITY;
        for (Priced priced : sorted) {
            if (priced.error() * factor < smallest || kept.isEmpty()) {
                kept.add(priced);
            }
            smallest = Math.min(smallest, priced.error());
        }
        return kept;
    }
}
