package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Trajectories named {@code adam|amsgrad|lamb[_debias][_b0][_wd]}: all steps from {@code param0} along {@code grads}. */
class StepRuleGoldenTest {
    private static final double RATE = 1e-2;

    static List<Path> files() {
        return Golden.files("optimizer");
    }

    @ParameterizedTest
    @MethodSource("files")
    void stepsAsTheOriginal(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            List<String> trajectories = file.names().stream()
                    .filter(name -> !name.equals("param0") && !name.equals("grads"))
                    .toList();
            assertThat(trajectories).isNotEmpty();
            for (String name : trajectories) {
                assertThat(trajectory(file, rule(name))).as(name).containsExactly(file.numbers(name), within(2e-5));
            }
        }
    }

    private static StepRule rule(String name) {
        List<String> words = List.of(name.split("_"));
        double beta1 = words.contains("b0") ? 0 : 0.9;
        StepRule rule = switch (words.getFirst()) {
            case "adam" -> StepRule.adam(beta1, 0.95);
            case "amsgrad" -> StepRule.amsgrad(beta1, 0.95);
            case "lamb" -> StepRule.lamb(beta1, 0.95);
            default -> throw new IllegalArgumentException(name);
        };
        StepRule debiased = words.contains("debias") ? rule.withDebiasing() : rule;
        return words.contains("wd") ? debiased.withWeightDecay(0.1) : debiased;
    }

    private static double[] trajectory(GoldenFile file, StepRule rule) {
        double[] values = file.numbers("param0");
        double[] gradients = file.numbers("grads");
        double[] trajectory = new double[gradients.length];
        StepMemory memory = new StepMemory(rule, values.length);
        for (int at = 0; at < gradients.length; at += values.length) {
            memory.step(values, Arrays.copyOfRange(gradients, at, at + values.length), RATE);
            System.arraycopy(values, 0, trajectory, at, values.length);
        }
        return trajectory;
    }
}
