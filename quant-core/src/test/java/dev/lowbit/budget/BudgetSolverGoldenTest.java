package dev.lowbit.budget;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.checkpoint.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every integer program of the golden data, at every budget it was solved for. */
class BudgetSolverGoldenTest {
    private static final String COSTS = ".costs";
    /** Below this many binaries a table counts as small: there the answer must be the proven optimum itself. */
    private static final int SMALL = 10_000;
    /** How near a larger table's answer comes to the optimum. */
    private static final double NEAR = 2e-5;
    /** All rounds together at their limit: about a second of one core. */
    private static final long MAX_STATES = 1L << 25;

    record Case(String name, double[][] cost, long[][] bits, long budgetBits, double objective, double lpBound) {
        @Override
        public String toString() {
            return name + ", " + budgetBits + " bits";
        }
    }

    static Stream<Case> programs() {
        return SharedData.files("golden/lq-lora", "ilp_", ".safetensors").stream()
                .flatMap(file -> programs(file).stream());
    }

    @ParameterizedTest
    @MethodSource("programs")
    void reachesTheKnownOptimumAndProvesIt(Case program) {
        BudgetSolver.Solution solution = BudgetSolver.solve(program.cost, program.bits, program.budgetBits, "bits");
        Allocation a = solution.allocation();

        double objective = 0;
        long used = 0;
        for (int i = 0; i < program.cost.length; i++) {
            objective += program.cost[i][a.choices()[i]];
            used += program.bits[i][a.choices()[i]];
        }
        assertThat(a.size()).isEqualTo(used).isLessThanOrEqualTo(program.budgetBits);
        // The objective is the correctly rounded sum; a plain sum of n terms differs by at most n ulp.
        assertThat(Math.abs(a.objective() - objective)).isLessThanOrEqualTo(program.cost.length * Math.ulp(objective));
        // The golden objective is the optimum: no valid bound exceeds it, no feasible objective is below it.
        assertThat(a.bound()).isLessThanOrEqualTo(program.objective * (1 + 1e-12));
        assertThat(a.objective()).isGreaterThanOrEqualTo(program.objective * (1 - 1e-9));

        boolean small = (long) program.cost.length * program.cost[0].length <= SMALL;
        assertThat(a.objective()).isLessThanOrEqualTo(program.objective * (1 + (small ? 1e-9 : NEAR)));
        // unproven, the bound is no better than that of the linear relaxation
        double relaxation = (program.objective - program.lpBound) / program.lpBound;
        assertThat(a.gap()).isLessThanOrEqualTo(small ? 0 : relaxation + 2 * NEAR);
        assertThat(solution.states()).isLessThanOrEqualTo(MAX_STATES);
        if (small) {
            assertThat(solution.proven()).isTrue();
            assertThat(a.bound()).isEqualTo(a.objective());
        }
    }

    private static List<Case> programs(Path file) {
        List<Case> cases = new ArrayList<>();
        try (SafetensorsFile tensors = SafetensorsFile.open(file, Limits.defaults())) {
            List<String> names =
                    tensors.tensors().stream().map(TensorInfo::name).toList();
            long[][] bits = bits(tensors);
            for (String tensor : names) {
                if (!tensor.endsWith(COSTS)) {
                    continue;
                }
                String table = tensor.substring(0, tensor.length() - COSTS.length());
                double[][] cost = costs(tensors, tensor);
                for (Map<?, ?> result : results(file, tensors.metadata().get(table + ".results"))) {
                    cases.add(new Case(
                            file.getFileName() + " " + table,
                            cost,
                            bits,
                            ((Number) result.get("budget_bits")).longValue(),
                            new BigDecimal(result.get("objective").toString()).doubleValue(),
                            new BigDecimal(result.get("lp_bound").toString()).doubleValue()));
                }
            }
        }
        assertThat(cases).isNotEmpty();
        return cases;
    }

    private static List<Map<?, ?>> results(Path file, String json) {
        Map<String, Object> parsed = StrictJson.parseObject(file, "{\"results\":" + json + "}", Limits.defaults());
        return ((List<?>) parsed.get("results"))
                .stream().<Map<?, ?>>map(entry -> (Map<?, ?>) entry).toList();
    }

    private static double[][] costs(SafetensorsFile tensors, String name) {
        TensorInfo info = info(tensors, name);
        try (Arena arena = Arena.ofConfined()) {
            float[] values = tensors.map(name, arena).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
            int columns = Math.toIntExact(info.shape().get(1));
            double[][] cost = new double[Math.toIntExact(info.shape().get(0))][columns];
            for (int k = 0; k < values.length; k++) {
                cost[k / columns][k % columns] = values[k];
            }
            return cost;
        }
    }

    private static long[][] bits(SafetensorsFile tensors) {
        TensorInfo info = info(tensors, "bits");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = tensors.map("bits", arena);
            int[] values = segment.toArray(ValueLayout.JAVA_INT_UNALIGNED);
            int columns = Math.toIntExact(info.shape().get(1));
            long[][] bits = new long[Math.toIntExact(info.shape().get(0))][columns];
            for (int k = 0; k < values.length; k++) {
                bits[k / columns][k % columns] = values[k];
            }
            return bits;
        }
    }

    private static TensorInfo info(SafetensorsFile tensors, String name) {
        return tensors.tensors().stream()
                .filter(t -> t.name().equals(name))
                .findFirst()
                .orElseThrow();
    }
}
