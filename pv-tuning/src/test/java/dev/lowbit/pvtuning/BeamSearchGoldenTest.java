package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class BeamSearchGoldenTest {
    private static final Pattern CASE = Pattern.compile("(\\w+)\\.beam(\\d+)\\.(nat|shuf)");

    static Stream<Arguments> cases() {
        return Golden.files("beam_xtx").stream().flatMap(BeamSearchGoldenTest::casesOf);
    }

    private static Stream<Arguments> casesOf(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assertThat(file.prefixes("codes"))
                    .isNotEmpty()
                    .allMatch(name -> CASE.matcher(name).matches());
            return List.copyOf(file.prefixes("codes")).stream()
                    .map(name -> Arguments.of(Named.of(path.getFileName().toString(), path), name));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void findsTheCodesOfTheOriginal(Path path, String name) {
        Matcher matcher = CASE.matcher(name);
        assertThat(matcher.matches()).isTrue();
        String config = matcher.group(1);
        try (GoldenFile file = new GoldenFile(path);
                GoldenFile starts = new GoldenFile(Golden.sibling(path, "init"));
                GoldenFile layer = new GoldenFile(Golden.layer(path, config))) {
            AdditiveWeights weights = Golden.weights(starts, config);
            LayerProblem problem = Golden.problem(layer, Workers.serial());
            BeamOrder order = order(file, name, weights);
            int beam = Integer.parseInt(matcher.group(2));
            int[] expected = Golden.codes(file, name + ".codes");
            int[] codes = new BeamSearch(new LayerState(problem, weights), order, beam).codes();
            assertThat(codes).containsExactly(expected);
            BeamReference.Result reference = new BeamReference(problem, weights).search(order, beam);
            assertThat(reference.codes()).containsExactly(expected);
            System.arraycopy(codes, 0, weights.codes(), 0, codes.length);
            double loss = file.numbers(name + ".loss")[0];
            assertThat(new LayerState(problem, weights).loss()).isCloseTo(loss, within(1e-9 * loss));
            double ofReference = reference.losses().stream()
                    .mapToDouble(row -> row[row.length - 1])
                    .sum();
            assertThat(ofReference).isCloseTo(loss, within(1e-9 * loss));
            for (double[] row : reference.losses()) {
                for (int visit = 1; visit < row.length; visit++) {
                    assertThat(row[visit]).isLessThanOrEqualTo(row[visit - 1] * (1 + 1e-12));
                }
            }
        }
    }

    private static BeamOrder order(GoldenFile file, String name, AdditiveWeights weights) {
        int books = weights.codebooks();
        if (!file.has(name + ".group_order")) {
            return BeamOrder.natural(weights.tiling().tileColumns(), books);
        }
        int[] groups = file.ints(name + ".group_order");
        int[] orders = file.ints(name + ".codebook_orders");
        int[][] codebooks = new int[groups.length][];
        for (int t = 0; t < groups.length; t++) {
            codebooks[t] = Arrays.copyOfRange(orders, t * books, (t + 1) * books);
        }
        return new BeamOrder(groups, codebooks);
    }
}
