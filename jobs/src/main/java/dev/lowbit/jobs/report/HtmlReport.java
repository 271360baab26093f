package dev.lowbit.jobs.report;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.compress.JobResult;
import dev.lowbit.jobs.compress.MatrixResult;
import dev.lowbit.jobs.compress.UniformFormat;
import dev.lowbit.kernel.KernelLookup;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.function.ToDoubleFunction;

/**
 * A job's result as one HTML page that needs no network, no script and no other file: the facts of the run, bars of bits,
 * error and rank for every matrix, and the table behind them. It is the only output that may hold times and memory figures.
 */
public final class HtmlReport {
    private static final String STYLE = """
            body { font: 15px/1.5 system-ui, sans-serif; color: #1d2433; max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
            h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.15rem; margin-top: 2rem }
            table { border-collapse: collapse; width: 100%; font-size: .85rem }
            th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #e3e7ef; white-space: nowrap }
            th:first-child, td:first-child { text-align: left }
            dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.5rem } dt { color: #5b6579 } dd { margin: 0 }
            svg { width: 100%; height: auto; font: 11px system-ui, sans-serif } .bar { fill: #3b6fd4 } .mean { stroke: #d4483b }
            .warning { color: #9a4a00 }
            """;

    private final JobResult result;
    private final HtmlText html = new HtmlText();

    private HtmlReport(JobResult result) {
        this.result = result;
    }

    /**
     * Writes the page.
     *
     * @param file appears whole or not at all; replaced when it exists
     * @param title what was compressed
     * @param threads that worked
     */
    public static void write(Path file, JobResult result, String title, int threads) {
        AtomicOutput.writeString(file, new HtmlReport(result).page(title, threads));
    }

    private String page(String title, int threads) {
        html.raw("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
        html.text("Lowbit: " + title);
        html.raw("</title><style>\n" + STYLE + "</style></head><body>\n");
        html.element("h1", title);
        facts(threads);
        result.warnings().forEach(warning -> html.element("p", "class=\"warning\"", warning));
        html.element("h2", "Bits per weight, everything counted");
        bars(MatrixResult::bitsPerWeight, result.bitsPerWeight(), "%.3f");
        if (result.matrices().stream().allMatch(m -> m.relativeError().isPresent())) {
            html.element("h2", "Relative error ‖W − Ŵ‖ / ‖W‖");
            bars(m -> m.relativeError().orElse(0), result.relativeError().orElse(0), "%.4f");
        }
        html.element("h2", "Rank of the low-rank part");
        bars(MatrixResult::rank, 0, "%.0f");
        uniform(result.uniform());
        matrices();
        html.raw("</body></html>\n");
        return html.toString();
    }

    private void facts(int threads) {
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("method", result.method());
        facts.put("weights compressed", Long.toString(result.weights()));
        facts.put(
                "bits per weight",
                fixed("%.4f", result.bitsPerWeight()) + ", everything counted; "
                        + fixed("%.4f", result.paperBitsPerWeight()) + " by the accounting of the method's paper");
        facts.put("budget", result.bytes() + " of " + result.budgetBytes() + " bytes used");
        result.budgetNote().ifPresent(note -> facts.put("budget note", note));
        result.relativeError().ifPresent(error -> facts.put("relative error", fixed("%.6f", error)));
        result.outputError().ifPresent(error -> facts.put("relative error of outputs", fixed("%.6f", error)));
        result.calibrationKlDivergence()
                .ifPresent(
                        divergence -> facts.put("divergence on the calibration text", fixed("%.6f nats", divergence)));
        facts.put(
                "objective",
                fixed("%.6g", result.objective()) + ", proven at least " + fixed("%.6g", result.bound()) + " (gap "
                        + fixed("%.2g", result.gap()) + ")");
        facts.put("output", Quantity.bytes(result.outputBytes()) + " (" + result.outputBytes() + " bytes)");
        facts.put("time", Quantity.duration(result.seconds()) + " with " + threads + " threads");
        result.peakMemoryBytes().ifPresent(peak -> facts.put("peak memory", Quantity.bytes(peak)));
        facts.put(
                "made by", "lowbit " + Version.lowbit() + ", JDK " + Version.jdk() + ", " + KernelLookup.description());
        html.raw("<dl>\n");
        facts.forEach((name, value) -> {
            html.element("dt", name);
            html.element("dd", value);
        });
        html.raw("</dl>\n");
    }

    /** One horizontal bar for each matrix, and a line at the value of all together when that is positive. */
    private void bars(ToDoubleFunction<MatrixResult> value, double together, String format) {
        int line = 16;
        int from = 380;
        int width = 520;
        double most = result.matrices().stream().mapToDouble(value).max().orElse(0);
        double scale = most > 0 ? width / most : 0;
        int height = line * result.matrices().size() + 4;
        html.raw(fixed("<svg viewBox=\"0 0 %d %d\" role=\"img\">%n", from + width + 80, height));
        for (int i = 0; i < result.matrices().size(); i++) {
            MatrixResult matrix = result.matrices().get(i);
            double length = value.applyAsDouble(matrix) * scale;
            int y = i * line;
            html.raw(fixed("<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", from - 8, y + 12));
            html.text(matrix.name());
            html.raw(fixed(
                    "</text><rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>"
                            + "<text x=\"%.1f\" y=\"%d\">" + format + "</text>%n",
                    from,
                    y + 2,
                    length,
                    line - 4,
                    from + length + 6,
                    y + 12,
                    value.applyAsDouble(matrix)));
        }
        if (together > 0) {
            double x = from + together * scale;
            html.raw(fixed("<line class=\"mean\" x1=\"%.1f\" y1=\"0\" x2=\"%.1f\" y2=\"%d\"/>%n", x, x, height));
        }
        html.raw("</svg>\n");
    }

    private void uniform(List<UniformFormat> formats) {
        if (formats.isEmpty()) {
            return;
        }
        html.element("h2", "The best uniform format of each family within the same budget");
        html.raw("<table>\n");
        html.row("th", "family", "format", "bytes", "bits", "relative error");
        for (UniformFormat format : formats) {
            html.row(
                    "td",
                    format.family(),
                    format.format(),
                    Long.toString(format.bytes()),
                    fixed("%.4f", format.bitsPerWeight()),
                    error(format.relativeError()));
        }
        html.raw("</table>\n");
    }

    private void matrices() {
        html.element("h2", "Matrices");
        html.raw("<table>\n");
        html.row("th", "matrix", "shape", "format", "rank", "bytes", "bits", "relative error");
        for (MatrixResult matrix : result.matrices()) {
            html.row(
                    "td",
                    matrix.name(),
                    matrix.rows() + " × " + matrix.columns(),
                    matrix.format(),
                    Integer.toString(matrix.rank()),
                    Long.toString(matrix.bytes()),
                    fixed("%.4f", matrix.bitsPerWeight()),
                    error(matrix.relativeError()));
        }
        html.raw("</table>\n");
    }

    private static String error(OptionalDouble error) {
        return error.isPresent() ? fixed("%.6f", error.getAsDouble()) : "";
    }

    private static String fixed(String format, Object... values) {
        return String.format(Locale.ROOT, format, values);
    }
}
