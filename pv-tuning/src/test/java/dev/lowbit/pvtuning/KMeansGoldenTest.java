package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class KMeansGoldenTest {
    private static final Pattern ROUNDS = Pattern.compile(".*_it(\\d+)");
    private static final Pattern LEVELS = Pattern.compile("one_d(\\d+)");

    static List<Path> files() {
        return Golden.files("kmeans");
    }

    /** {@code km<k>_it<rounds>} uses {@code data}, {@code dup} data of its own, so {@code <name>.data} goes first. */
    private static KMeans problem(GoldenFile file, String name) {
        String data = file.has(name + ".data") ? name + ".data" : "data";
        return new KMeans(file.numbers(data), file.shape(data).get(1).intValue(), Workers.serial());
    }

    private static int rounds(String name) {
        Matcher matcher = ROUNDS.matcher(name);
        return matcher.matches() ? Integer.parseInt(matcher.group(1)) : 100;
    }

    private static double[] start(GoldenFile file, String name, KMeans kMeans) {
        int clusters = file.shape(name + ".centroids").get(0).intValue();
        if (file.has(name + ".init")) {
            double[] seeds = kMeans.farthestStart(clusters);
            assertThat(seeds).containsExactly(file.numbers(name + ".init"), within(0.0));
            return seeds;
        }
        String data = file.has(name + ".data") ? name + ".data" : "data";
        double[] points = file.numbers(data);
        int dimensions = file.shape(data).get(1).intValue();
        int[] rows = file.ints(name + ".init_rows");
        double[] start = new double[clusters * dimensions];
        for (int k = 0; k < clusters; k++) {
            System.arraycopy(points, rows[k] * dimensions, start, k * dimensions, dimensions);
        }
        return start;
    }

    @ParameterizedTest
    @MethodSource("files")
    void givenTheStartItEndsAsTheOriginal(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            Set<String> names = file.prefixes("sse");
            assertThat(names).isNotEmpty();
            for (String name : names) {
                KMeans kMeans = problem(file, name);
                double[] centroids = start(file, name, kMeans);
                kMeans.improve(centroids, rounds(name));
                int[] nearest = kMeans.assign(centroids);
                assertThat(centroids).as(name).containsExactly(file.numbers(name + ".centroids"), within(1e-4));
                double expected = file.numbers(name + ".sse")[0];
                assertThat(kMeans.squaredError(centroids, nearest))
                        .as(name)
                        .isCloseTo(expected, within(1e-5 * expected + 1e-9));
                int[] codes = Golden.codes(file, name + ".assign");
                long wrong = java.util.stream.IntStream.range(0, codes.length)
                        .filter(i -> codes[i] != nearest[i])
                        .count();
                assertThat(wrong).as(name).isLessThanOrEqualTo(codes.length / 1000);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void fromItsOwnStartItIsAsGood(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            for (String name : file.prefixes("init_rows")) {
                if (file.has(name + ".data")) {
                    // fewer points than clusters that differ: what the original ends with is a matter of its start
                    continue;
                }
                KMeans kMeans = problem(file, name);
                int clusters = file.shape(name + ".centroids").get(0).intValue();
                double[] errors = new double[5];
                for (int seed = 0; seed < errors.length; seed++) {
                    RandomStream stream = RandomStream.of(seed, "k-means", name);
                    double[] centroids = kMeans.bestStart(clusters, 4, Math.min(10, rounds(name)), stream);
                    kMeans.improve(centroids, rounds(name));
                    errors[seed] = kMeans.squaredError(centroids, kMeans.assign(centroids));
                }
                Arrays.sort(errors);
                assertThat(errors[2]).as(name).isLessThanOrEqualTo(file.numbers(name + ".sse")[0] * 1.01 + 1e-9);
            }
        }
    }

    /**
     * Levels at the ranks that torch's linspace of integers gives: in vectors of four whose first is rounded down before the others are counted from
     * it, the second half from the end. Ours are the true ones.
     */
    private static double[] start(double[] numbers, int levels) {
        double[] sorted = numbers.clone();
        Arrays.sort(sorted);
        double step = (sorted.length - 1) / (double) (levels - 1);
        double[] start = new double[levels];
        for (int i = 0; i < levels; i++) {
            int first = i - i % 4;
            int base = (int) (first < levels / 2 ? step * first : sorted.length - 1 - step * (levels - first - 1));
            start[i] = sorted[(int) (base + step * (i % 4))];
        }
        return start;
    }

    /** {@code one_d<bits>}: rows of {@code one_d.data}, each of 2^bits levels. */
    @ParameterizedTest
    @MethodSource("files")
    void levelsOfNumbers(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            double[] data = file.numbers("one_d.data");
            int length = file.shape("one_d.data").get(1).intValue();
            Set<String> names = file.prefixes("clusters");
            assertThat(names).isNotEmpty();
            for (String name : names) {
                Matcher matcher = LEVELS.matcher(name);
                assertThat(matcher.matches()).isTrue();
                int levels = 1 << Integer.parseInt(matcher.group(1));
                double[] expected = file.numbers(name + ".clusters");
                double[] restored = file.numbers(name + ".restored");
                int[] indices = Golden.codes(file, name + ".indices");
                for (int row = 0; row * length < data.length; row++) {
                    double[] numbers = Arrays.copyOfRange(data, row * length, (row + 1) * length);
                    OneDimensionalKMeans.Result result = OneDimensionalKMeans.of(numbers, start(numbers, levels), 100);
                    String as = name + " row " + row;
                    assertThat(result.levels())
                            .as(as)
                            .containsExactly(
                                    Arrays.copyOfRange(expected, row * levels, (row + 1) * levels), within(1e-5));
                    assertThat(result.indices())
                            .as(as)
                            .containsExactly(Arrays.copyOfRange(indices, row * length, (row + 1) * length));
                    for (int i = 0; i < length; i++) {
                        assertThat(result.levels()[result.indices()[i]])
                                .isCloseTo(restored[row * length + i], within(1e-5));
                    }
                }
            }
        }
    }
}
