package dev.lowbit.method;

import dev.lowbit.budget.Candidate;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.importance.RowSample;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * What quantizing alone costs: the exact error of every format that no other beats in bytes and error.
 *
 * <p>On a large matrix samples of its rows, each larger than the one before, first drop the formats that another beats
 * there clearly; only the rest is priced on the whole matrix. The same rows are used for all, so what is left of chance is
 * how differently two formats like the rows chosen: far less than the margins.
 */
public final class FormatPrices {
    private static final List<Stage> STAGES =
            List.of(new Stage(1 << 15, 0.02), new Stage(1 << 18, 0.003), new Stage(1 << 21, 0.001));

    /** Weights on which formats are priced with error feedback. */
    private static final long FEEDBACK_SAMPLE = 1 << 14;

    private FormatPrices() {}

    /**
     * One elimination.
     *
     * @param weights size of the sample
     * @param margin fraction of the error by which another must be better
     */
    private record Stage(long weights, double margin) {}

    /** Measures what formats of one kind cost. */
    @FunctionalInterface
    public interface Pricer<F> {
        /**
         * The squared (weighted) error of quantizing in each format, infinite where a format is not available.
         *
         * @param weights rows x columns; not modified
         */
        double[] errors(FloatMatrix weights, Importance importance, List<F> formats, Workers workers);
    }

    /**
     * A format with its price.
     *
     * @param error squared (weighted) error
     * @param exact whether the error was measured on the whole matrix
     */
    public record Priced<F extends MatrixFormat>(F format, long bytes, double error, boolean exact) {
        /** Without a low-rank term. */
        public Candidate candidate() {
            return new Candidate(format.id(), 0, bytes, error, exact);
        }
    }

    /**
     * The formats worth having, ascending bytes, descending errors; with a Hessian predictions, but for small matrices. Empty when no format can
     * hold the weights.
     *
     * @param w rows x columns; not modified
     */
    public static <F extends MatrixFormat> List<Priced<F>> of(
            FloatMatrix w, Importance importance, List<F> formats, Pricer<F> pricer, Workers workers) {
        if (importance instanceof Hessian hessian) {
            return withFeedback(w, hessian, formats, pricer, workers);
        }
        List<F> worthwhile = formats;
        for (Stage stage : STAGES) {
            if (w.size() < 2 * stage.weights()) {
                break;
            }
            try (RowSample sample = RowSample.of(w, importance, stage.weights())) {
                List<Priced<F>> rough = price(sample.weights(), sample.importance(), worthwhile, w, pricer, workers);
                worthwhile = undominated(rough, 1 - stage.margin()).stream()
                        .map(Priced::format)
                        .toList();
            }
        }
        List<Priced<F>> prices = undominated(price(w, importance, worthwhile, w, pricer, workers), 1);
        // a sample may lack the very weights that are too large for the formats that it leaves
        return prices.isEmpty() && worthwhile.size() < formats.size()
                ? undominated(price(w, importance, formats, w, pricer, workers), 1)
                : prices;
    }

    /**
     * Error feedback costs a product with the Hessian for each format. So the diagonal alone decides which formats are
     * worthwhile; those are priced on a sample of the rows, and carried over to the matrix in proportion to the diagonal's error.
     */
    private static <F extends MatrixFormat> List<Priced<F>> withFeedback(
            FloatMatrix w, Hessian hessian, List<F> formats, Pricer<F> pricer, Workers workers) {
        Importance diagonal = Importance.diagonal(hessian.diagonal().orElseThrow());
        List<Priced<F>> worthwhile = of(w, diagonal, formats, pricer, workers);
        List<F> rest = worthwhile.stream().map(Priced::format).toList();
        boolean whole = w.size() <= FEEDBACK_SAMPLE;
        List<Priced<F>> prices = new ArrayList<>();
        try (RowSample sample = RowSample.of(w, hessian, whole ? w.size() : FEEDBACK_SAMPLE)) {
            Importance sampledDiagonal =
                    Importance.diagonal(sample.importance().diagonal().orElseThrow());
            double[] plain = pricer.errors(sample.weights(), sampledDiagonal, rest, workers);
            double[] swept = pricer.errors(sample.weights(), sample.importance(), rest, workers);
            for (int i = 0; i < swept.length; i++) {
                if (Double.isFinite(plain[i]) && Double.isFinite(swept[i])) {
                    Priced<F> priced = worthwhile.get(i);
                    double ratio = whole || !(plain[i] > 0) ? 1 : priced.error() / plain[i];
                    prices.add(new Priced<>(priced.format(), priced.bytes(), swept[i] * ratio, whole));
                }
            }
        }
        return undominated(prices, 1);
    }

    private static <F extends MatrixFormat> List<Priced<F>> price(
            FloatMatrix measured,
            Importance importance,
            List<F> formats,
            FloatMatrix shape,
            Pricer<F> pricer,
            Workers workers) {
        double[] errors = pricer.errors(measured, importance, formats, workers);
        return IntStream.range(0, errors.length)
                .filter(i -> Double.isFinite(errors[i]))
                .mapToObj(i -> new Priced<>(
                        formats.get(i),
                        formats.get(i).bytes(shape.rows(), shape.columns()),
                        errors[i],
                        measured == shape))
                .toList();
    }

    /** Drops what another of at most its bytes beats by the factor; of equals the first in the grid stays. */
    private static <F extends MatrixFormat> List<Priced<F>> undominated(List<Priced<F>> all, double factor) {
        List<Priced<F>> sorted = new ArrayList<>(all);
        sorted.sort(Comparator.<Priced<F>>comparingLong(Priced::bytes).thenComparingDouble(Priced::error));
        List<Priced<F>> kept = new ArrayList<>();
        double smallest = Double.POSITIVE_INFINITY;
        for (Priced<F> priced : sorted) {
            if (priced.error() * factor < smallest || kept.isEmpty()) {
                kept.add(priced);
            }
            smallest = Math.min(smallest, priced.error());
        }
        return kept;
    }
}
