package dev.lowbit.bench;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/**
 * The times in a JMH result file (format json), by benchmark and parameters. A time is the median over forks of the median over
 * iterations, because one JVM can be unlucky and one iteration disturbed.
 */
final class JmhResults {
    /** @param spread (largest - smallest fork or iteration) / seconds */
    record Time(double seconds, double spread) {}

    private static final Map<String, Double> SECONDS = Map.of("ns/op", 1e-9, "us/op", 1e-6, "ms/op", 1e-3, "s/op", 1.0);

    private final Map<String, Time> times = new LinkedHashMap<>();

    private JmhResults() {}

    /** @throws IllegalArgumentException when the file is no such result */
    static JmhResults read(Path json) {
        return of(JsonFile.read(json), json.toString());
    }

    /** @param source named in messages */
    static JmhResults of(JsonNode runs, String source) {
        JmhResults results = new JmhResults();
        if (!runs.isArray()) {
            throw new IllegalArgumentException(source + " is no JMH result; run with -rf json");
        }
        for (JsonNode run : runs) {
            JsonNode metric = run.path("primaryMetric");
            Double unit = SECONDS.get(metric.path("scoreUnit").asString(""));
            if (unit == null) {
                throw new IllegalArgumentException(source + ": " + run.path("benchmark") + " is measured in "
                        + metric.path("scoreUnit") + "; only times per operation are compared");
            }
            results.times.put(key(run), time(metric.path("rawData"), unit));
        }
        return results;
    }

    private static String key(JsonNode run) {
        Map<String, String> parameters = new TreeMap<>();
        run.path("params")
                .properties()
                .forEach(e -> parameters.put(e.getKey(), e.getValue().asString()));
        return key(run.path("benchmark").asString(), parameters.values());
    }

    private static String key(String benchmark, Iterable<String> parameters) {
        return benchmark + ":" + String.join(",", parameters);
    }

    private static Time time(JsonNode forks, double unit) {
        double[] medians = new double[forks.size()];
        for (int f = 0; f < medians.length; f++) {
            double[] iterations = new double[forks.get(f).size()];
            for (int i = 0; i < iterations.length; i++) {
                iterations[i] = forks.get(f).get(i).asDouble();
            }
            medians[f] = median(iterations);
        }
        double[] sample = medians;
        if (medians.length == 1) {
            sample = new double[forks.get(0).size()];
            for (int i = 0; i < sample.length; i++) {
                sample[i] = forks.get(0).get(i).asDouble();
            }
        }
        double middle = median(medians);
        double spread = Arrays.stream(sample).max().orElseThrow()
                - Arrays.stream(sample).min().orElseThrow();
        return new Time(middle * unit, spread / middle);
    }

    private static double median(double[] values) {
        if (values.length == 0) {
            throw new IllegalArgumentException("a benchmark has no measurements");
        }
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    /** Whether the run holds this benchmark with these parameters (in the order of their names). */
    boolean has(String benchmark, String... parameters) {
        return times.containsKey(key(benchmark, Arrays.asList(parameters)));
    }

    Time time(String benchmark, String... parameters) {
        Time time = times.get(key(benchmark, Arrays.asList(parameters)));
        if (time == null) {
            throw new IllegalArgumentException("the run has no " + key(benchmark, Arrays.asList(parameters))
                    + "; run it together with the benchmarks to compare");
        }
        return time;
    }

    double seconds(String benchmark, String... parameters) {
        return time(benchmark, parameters).seconds();
    }

    Set<String> names() {
        return times.keySet();
    }
}
