package dev.lowbit.bench;

import dev.lowbit.kernel.VectorWidth;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs the suite, or reads the result of a run, and compares its ratios with a baseline.
 *
 * <pre>
 * CompareMain [--results FILE.json] [--baseline FILE] [--write-baseline] [BENCHMARK-REGEX ...]
 * </pre>
 *
 * Without {@code --results} the benchmarks whose names match (all, when none is given) are run together with the references;
 * {@code -Dquick} makes that one short fork each and leaves out the 4096 x 4096 decomposition. The baseline is that of the width of
 * this machine's registers, {@code baseline-512.json} for 512 bits. Exit code 1 when a ratio fell by more than its noise, a figure of
 * the baseline is missing from a complete run or there is no baseline, 2 for bad usage, a name that no benchmark has among it, and for a
 * malformed file.
 */
public final class CompareMain {
    /** One for each width of registers: other kernels, other ratios. */
    private static final String BASELINE = "baseline-" + VectorWidth.bits() + ".json";

    private static final String RESULTS = "target/jmh-result.json";

    private CompareMain() {}

    /** @param arguments see the class */
    public static void main(String[] arguments) {
        System.exit(run(arguments, System.out));
    }

    /** What {@link #main} does, returning the exit code. */
    static int run(String[] arguments, PrintStream out) {
        try {
            return compare(Request.parse(arguments), out);
        } catch (IllegalArgumentException e) {
            out.println(e.getMessage());
            return 2;
        }
    }

    private static int compare(Request request, PrintStream out) {
        boolean quick = System.getProperty("quick") != null;
        // Before half an hour of measuring: what it will be held against.
        boolean exists = Files.exists(request.baseline);
        Baseline baseline = exists ? Baseline.read(request.baseline) : new Baseline(Map.of());
        Path file = request.results == null ? measure(request.patterns, quick) : request.results;
        JmhResults results = JmhResults.read(file);
        boolean complete = request.results == null && request.patterns.isEmpty() && !quick;
        Comparison comparison = Comparison.of(results, baseline, complete);
        out.println(comparison.text());
        if (request.writeBaseline) {
            baseline.with(Baseline.of(results)).write(request.baseline);
            out.println("wrote " + request.baseline);
            return 0;
        }
        if (!exists) {
            out.println("FAILED: nothing to compare with, because there is no " + request.baseline
                    + "; --write-baseline makes it of a run");
            return 1;
        }
        out.println(
                comparison.fails()
                        ? "FAILED: a ratio fell by more than its noise, or a figure is missing"
                        : "no ratio fell by more than its noise");
        return comparison.fails() ? 1 : 0;
    }

    /** @param results null to run the suite */
    private record Request(Path results, Path baseline, boolean writeBaseline, List<String> patterns) {
        static Request parse(String[] arguments) {
            Path results = null;
            Path baseline = Path.of(BASELINE);
            boolean write = false;
            List<String> patterns = new ArrayList<>();
            for (int i = 0; i < arguments.length; i++) {
                switch (arguments[i]) {
                    case "--results" -> results = Path.of(value(arguments, ++i));
                    case "--baseline" -> baseline = Path.of(value(arguments, ++i));
                    case "--write-baseline" -> write = true;
                    default -> {
                        if (arguments[i].startsWith("-")) {
                            throw new IllegalArgumentException(arguments[i]
                                    + " is no option; there are --results FILE, --baseline FILE, --write-baseline");
                        }
                        patterns.add(arguments[i]);
                    }
                }
            }
            return new Request(results, baseline, write, patterns);
        }

        private static String value(String[] arguments, int i) {
            if (i == arguments.length) {
                throw new IllegalArgumentException(arguments[i - 1] + " needs a file after it");
            }
            return arguments[i];
        }
    }

    /** Beside a name that no benchmark has the references alone would run, and nothing would have fallen. */
    private static void requireBenchmarks(List<String> patterns) {
        OutputFormat silent = OutputFormatFactory.createFormatInstance(
                new PrintStream(OutputStream.nullOutputStream()), VerboseMode.SILENT);
        for (String pattern : patterns) {
            if (BenchmarkList.defaultList()
                    .find(silent, List.of(pattern), List.of())
                    .isEmpty()) {
                throw new IllegalArgumentException(
                        pattern + " matches no benchmark; give a regular expression of their names, or none for all");
            }
        }
    }

    private static Path measure(List<String> patterns, boolean quick) {
        requireBenchmarks(patterns);
        Path result = Path.of(RESULTS);
        ChainedOptionsBuilder options = new OptionsBuilder()
                .resultFormat(ResultFormatType.JSON)
                .result(result.toString())
                .shouldFailOnError(true);
        String own = Pattern.quote(CompareMain.class.getPackageName());
        if (patterns.isEmpty()) {
            options.include(own + ".*");
        } else {
            options.include(Pattern.quote(ReferenceBenchmark.class.getName()) + ".*");
            patterns.forEach(options::include);
        }
        if (quick) {
            options.forks(1)
                    .warmupIterations(2)
                    .warmupTime(TimeValue.milliseconds(300))
                    .measurementIterations(3)
                    .measurementTime(TimeValue.milliseconds(300))
                    .param("size", "1024");
        }
        try {
            Path folder = result.toAbsolutePath().getParent();
            Files.createDirectories(folder);
            new Runner(options.build()).run();
        } catch (RunnerException e) {
            throw new IllegalStateException("the benchmarks did not run: " + e.getMessage(), e);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
        return result;
    }
}
