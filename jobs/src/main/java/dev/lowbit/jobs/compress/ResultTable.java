package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.OneLine;
import dev.lowbit.jobs.Quantity;
import java.io.PrintStream;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A result as people read it: one line per matrix, the totals, and what a uniform format would have given. */
public final class ResultTable {
    private ResultTable() {}

    /** @param errorKind what the errors are, for example {@code measured} or {@code predicted} */
    public static void print(PrintStream out, JobResult result, String errorKind) {
        int nameWidth = width(result.matrices().stream().map(matrix -> OneLine.of(matrix.name())), "matrix");
        int formatWidth = width(result.matrices().stream().map(MatrixResult::format), "format");
        String line = "%-" + nameWidth + "s  %13s  %-" + formatWidth + "s  %4s  %12s  %7s  %10s%n";
        out.printf(Locale.ROOT, line, "matrix", "shape", "format", "rank", "bytes", "bits", "rel. error");
        for (MatrixResult matrix : result.matrices()) {
            out.printf(
                    Locale.ROOT,
                    line,
                    OneLine.of(matrix.name()),
                    matrix.rows() + " x " + matrix.columns(),
                    matrix.format(),
                    matrix.rank(),
                    matrix.bytes(),
                    fixed(matrix.bitsPerWeight(), 4),
                    error(matrix.relativeError()));
        }
        out.printf(
                Locale.ROOT,
                line,
                "total of " + result.matrices().size(),
                Quantity.count(result.weights()),
                "",
                "",
                result.bytes(),
                fixed(result.bitsPerWeight(), 4),
                error(result.relativeError()));
        out.println();
        for (UniformFormat uniform : result.uniform()) {
            out.printf(
                    Locale.ROOT,
                    line,
                    "uniform " + uniform.family(),
                    "",
                    uniform.format(),
                    0,
                    uniform.bytes(),
                    fixed(uniform.bitsPerWeight(), 4),
                    error(uniform.relativeError()));
        }
        summary(out, result, errorKind);
    }

    private static void summary(PrintStream out, JobResult result, String errorKind) {
        out.printf(
                Locale.ROOT,
                "budget      %d of %d bytes used (%s %%)%n",
                result.bytes(),
                result.budgetBytes(),
                fixed(100.0 * result.bytes() / result.budgetBytes(), 2));
        result.budgetNote().ifPresent(note -> out.println("            " + note));
        out.printf(
                Locale.ROOT,
                "bits        %s per weight, everything counted; %s by the accounting of the %s paper%n",
                fixed(result.bitsPerWeight(), 4),
                fixed(result.paperBitsPerWeight(), 4),
                result.method());
        result.relativeError()
                .ifPresent(error -> out.printf(Locale.ROOT, "error       %s, %s%n", fixed(error, 6), errorKind));
        result.outputError()
                .ifPresent(error -> out.printf(
                        Locale.ROOT, "outputs     %s relative error on the calibration text%n", fixed(error, 6)));
        result.calibrationKlDivergence()
                .ifPresent(divergence -> out.printf(
                        Locale.ROOT,
                        "divergence  %.5g nats a token on the calibration text%s%n",
                        divergence,
                        others(result)));
        out.printf(
                Locale.ROOT,
                "objective   %.6g, at least %.6g for any choice (gap %.2g)%n",
                result.objective(),
                result.bound(),
                result.gap());
        out.printf(
                Locale.ROOT, "output      %s (%d bytes)%n", Quantity.bytes(result.outputBytes()), result.outputBytes());
        out.println("time        " + Quantity.duration(result.seconds()));
        result.peakMemoryBytes().ifPresent(peak -> out.println("peak memory " + Quantity.bytes(peak)));
    }

    private static String others(JobResult result) {
        return result.uniform().stream()
                .filter(format -> format.calibrationKlDivergence().isPresent())
                .map(format -> String.format(
                        Locale.ROOT,
                        "; uniform %s %.5g",
                        format.family(),
                        format.calibrationKlDivergence().getAsDouble()))
                .collect(Collectors.joining());
    }

    private static int width(Stream<String> texts, String heading) {
        return Math.max(
                "total of 00000".length(), texts.mapToInt(String::length).reduce(heading.length(), Math::max));
    }

    private static String error(OptionalDouble error) {
        return error.isEmpty() ? "-" : fixed(error.getAsDouble(), 6);
    }

    private static String fixed(double value, int digits) {
        return String.format(Locale.ROOT, "%." + digits + "f", value);
    }
}
