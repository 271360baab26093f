package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Our monotone runs beside the least loss of the original's long ones, in as many steps. */
class GuardedPvGoldenTest {
    private static final int PATIENCE = 8;

    /** Enough to see a loss rise. */
    private static final int MOST_STEPS = 40;

    static List<Path> files() {
        return Golden.files("pv_steps");
    }

    /** {@link LinearPv} is below every method's least, the best method's too. */
    @ParameterizedTest
    @MethodSource("files")
    void theLinearStepBeatsTheLeastOfEveryMethod(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            Map<String, LinearPv> runs = new TreeMap<>();
            for (String name : longRuns(file)) {
                PvRun original = PvRun.of(name);
                LayerCase layer = LayerCase.of(path, original.configuration());
                LinearPv ours = runs.computeIfAbsent(original.configuration() + original.steps(), n -> {
                    AdditiveWeights weights = layer.start();
                    LinearPv run = LinearPv.run(weights, layer.problem(), 1, original.steps(), 1e-3);
                    assertThat(layer.loss(weights)).isCloseTo(run.loss(), within(1e-9 * run.loss()));
                    return run;
                });
                ours.steps().forEach(step -> assertThat(step.after()).isLessThanOrEqualTo(step.before() * (1 + 1e-12)));
                assertThat(ours.loss()).as(name).isLessThanOrEqualTo(1.01 * least(file, name));
            }
        }
    }

    /** The same method under a guard ends no worse than it began, and its kept losses never rise. */
    @ParameterizedTest
    @MethodSource("files")
    void aGuardNeverEndsAboveTheStart(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            for (String name : longRuns(file)) {
                PvRun original = PvRun.of(name);
                LayerCase layer = LayerCase.of(path, original.configuration());
                AdditiveWeights weights = layer.start();
                GuardedPv run = GuardedPv.run(
                        weights,
                        layer.objective(),
                        original.settings(),
                        Math.min(MOST_STEPS, original.steps()),
                        PATIENCE,
                        RandomStream.of(41000, "pv", name),
                        Workers.serial());
                assertThat(run.best()).as(name).isLessThanOrEqualTo(run.losses()[0]);
                assertThat(layer.objective().at(weights.decode()).loss())
                        .as(name)
                        .isEqualTo(run.best());
            }
        }
    }

    private static List<String> longRuns(GoldenFile file) {
        List<String> names = file.prefixes("loss_trace").stream()
                .filter(name -> PvRun.of(name).steps() > 1)
                .sorted(Comparator.naturalOrder())
                .toList();
        assertThat(names).isNotEmpty();
        return names;
    }

    private static double least(GoldenFile file, String name) {
        return Arrays.stream(file.numbers(name + ".loss_trace")).min().orElseThrow();
    }
}
