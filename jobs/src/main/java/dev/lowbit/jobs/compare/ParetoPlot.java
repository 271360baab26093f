package dev.lowbit.jobs.compare;

import dev.lowbit.jobs.compare.CompareResult.Model;
import dev.lowbit.jobs.compare.CompareResult.Row;
import dev.lowbit.jobs.report.LinePlot;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** The image of a model: perplexity over bits, one line for each method, a ring in place of a dot where it was tuned. */
final class ParetoPlot {
    private ParetoPlot() {}

    static String svg(Model model) {
        Map<String, List<Row>> lines = new LinkedHashMap<>();
        List<Row> front = new ArrayList<>();
        for (Row row : model.results()) {
            if (ParetoFront.isMeasured(row)) {
                lines.computeIfAbsent(row.line(), absent -> new ArrayList<>()).add(row);
                if (row.pareto()) {
                    front.add(row);
                }
            }
        }
        List<String> methods =
                model.results().stream().map(Row::method).distinct().toList();
        List<LinePlot.Series> series = new ArrayList<>();
        lines.forEach((name, rows) -> series.add(new LinePlot.Series(
                name,
                points(rows),
                methods.indexOf(rows.getFirst().method()),
                rows.getFirst().tuned())));
        double perplexity = model.figures().perplexity().orElseThrow();
        return LinePlot.svg(new LinePlot.Content(
                model.name(),
                "bits per weight, everything counted",
                "perplexity",
                series,
                String.format(Locale.ROOT, "float: %.4g", perplexity),
                perplexity,
                "Pareto front",
                points(front)));
    }

    private static List<LinePlot.Point> points(List<Row> rows) {
        return rows.stream()
                .sorted(Comparator.comparingDouble(ParetoFront::bits))
                .map(row -> new LinePlot.Point(ParetoFront.bits(row), ParetoFront.perplexity(row)))
                .toList();
    }
}
