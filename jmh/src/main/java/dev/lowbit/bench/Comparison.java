package dev.lowbit.bench;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A run held against a baseline, figure by figure.
 *
 * @param references of the run
 * @param lines one for each figure of the run or the baseline
 */
record Comparison(References references, List<Line> lines) {
    /** What became of a figure. */
    enum Verdict {
        /** Within the noise. */
        SAME(false),
        /** Faster by more than the noise: worth a new baseline. */
        FASTER(false),
        /** In the run, not in the baseline. */
        NEW(false),
        /** Not asked for in this run. */
        NOT_RUN(false),
        /** Slower by more than the noise. */
        SLOWER(true),
        /** In the baseline, but a complete run did not measure it. */
        MISSING(true);

        private final boolean fails;

        Verdict(boolean fails) {
            this.fails = fails;
        }
    }

    /**
     * @param seconds of one call, NaN when not measured
     * @param ratio to the reference of the same run, NaN when not measured
     * @param baseline ratio, NaN when there is none
     */
    record Line(Figure figure, double seconds, double ratio, double baseline, Verdict verdict) {}

    /** @param complete whether the run was meant to hold every figure of the baseline */
    static Comparison of(JmhResults results, Baseline baseline, boolean complete) {
        References references = References.of(results);
        List<Line> lines = new ArrayList<>();
        for (Figure figure : Figure.ALL) {
            Baseline.Entry entry = baseline.figures().get(figure.id());
            double old = entry == null ? Double.NaN : entry.ratio();
            if (!figure.in(results)) {
                if (entry != null) {
                    Verdict verdict = complete ? Verdict.MISSING : Verdict.NOT_RUN;
                    lines.add(new Line(figure, Double.NaN, Double.NaN, old, verdict));
                }
                continue;
            }
            double ratio = figure.ratio(results, references);
            lines.add(new Line(figure, figure.time(results).seconds(), ratio, old, verdict(figure, ratio, entry)));
        }
        return new Comparison(references, List.copyOf(lines));
    }

    private static Verdict verdict(Figure figure, double ratio, Baseline.Entry entry) {
        if (entry == null) {
            return Verdict.NEW;
        }
        double speedup = figure.measure().speedup(ratio, entry.ratio());
        if (speedup < 1 - entry.noise()) {
            return Verdict.SLOWER;
        }
        return speedup > 1 / (1 - entry.noise()) ? Verdict.FASTER : Verdict.SAME;
    }

    boolean fails() {
        return lines.stream().anyMatch(line -> line.verdict.fails);
    }

    /** The report: references, then a Markdown table. */
    String text() {
        StringBuilder text = new StringBuilder();
        text.append(String.format(
                Locale.ROOT,
                "S (OpenBLAS sgemm 1024, one thread) %.2f ms = %.1f GFLOP/s; FMA peak %.1f GFLOP/s; read %.1f GB/s, by two threads %.1f GB/s; store %.1f GB/s; float gemv in a core's cache %.2f Gweights/s%n%n",
                references.sgemmSeconds() * 1e3,
                references.sgemmRate() / 1e9,
                references.fmaRate() / 1e9,
                references.readRate() / 1e9,
                references.readRateOfTwo() / 1e9,
                references.storeRate() / 1e9,
                references.cachedGemvRate() / 1e9));
        text.append("| figure | time | rate | ratio | bar | baseline | verdict |\n|---|---|---|---|---|---|---|\n");
        for (Line line : lines) {
            if (line.verdict == Verdict.NOT_RUN) {
                continue;
            }
            Figure figure = line.figure;
            String unit = " " + figure.measure().unit();
            text.append(String.format(
                    Locale.ROOT,
                    "| %s | %s | %s | %s | %s | %s | %s |%n",
                    figure.id(),
                    number(line.seconds * 1e3, " ms"),
                    rate(line),
                    number(line.ratio, unit),
                    figure.bar().isEmpty()
                            ? "-"
                            : (figure.measure().moreIsBetter() ? ">= " : "<= ")
                                    + number(figure.bar().getAsDouble(), unit),
                    number(line.baseline, unit),
                    line.verdict));
        }
        return text.toString();
    }

    private static String rate(Line line) {
        Figure figure = line.figure;
        if (figure.weights() > 0) {
            return number(figure.weights() / line.seconds / 1e6, " Mweights/s");
        }
        return figure.work() > 0 ? number(figure.work() / line.seconds / 1e9, " GFLOP/s") : "-";
    }

    private static String number(double value, String unit) {
        return Double.isNaN(value)
                ? "-"
                : new java.math.BigDecimal(value)
                                .round(new java.math.MathContext(3))
                                .toPlainString()
                        + unit;
    }
}
