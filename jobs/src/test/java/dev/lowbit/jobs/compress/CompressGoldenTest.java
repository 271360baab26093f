package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.SharedInputs;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.Verifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every shared model, of large ones the first matrices, planned and compressed at a budget, the smallest also at the least and the largest budget of the paper.
 * Prints the table of errors beside those of the best uniform format of at most the same bytes.
 */
class CompressGoldenTest {
    private static final double[] BITS = {2.75, 2.25, 4};

    /** Of models of more weights as many, so that a larger one takes no more time, and with groups of 64 alone. */
    private static final long WEIGHTS = 250_000;

    private static final int THREADS = 2;

    /**
     * A price sums squares of float differences, each rounded by at most 2^-24 of itself; a measurement takes them in double.
     * Squares differ by 2^-23 of their sum, so roots by 2^-24, and twice that is allowed.
     */
    private static final double ROUNDING = 1 + 0x1p-23;

    @TempDir
    private Path folder;

    static List<Path> models() {
        return SharedData.models();
    }

    @ParameterizedTest
    @MethodSource("models")
    void everyBudgetIsMetAndPlannedToTheByte(Path model) throws Exception {
        Optional<Path> costs = Optional.of(folder.resolve("costs.json"));
        TargetSelection selection = new TargetSelection(false, List.of(), SharedInputs.upTo(WEIGHTS, model));
        boolean large = !selection.only().isEmpty();
        Compressor.Limits limits = new Compressor.Limits(0, Jobs.RANK, large ? 64 : 0, 0);
        for (double bits : BITS) {
            JobRequest request = Jobs.request(
                    Methods.DEFAULT,
                    limits,
                    model,
                    selection,
                    new Budget.BitsPerWeight(bits),
                    costs,
                    OptionalLong.empty());
            JobResult plan = Jobs.plan(request, THREADS);
            requireBudgetMet(plan, bits);
            requireNoUniformFormatIsBetter(plan);
            report(model, bits, plan);
            Path output = folder.resolve("output-" + bits);
            JobResult done = Jobs.compress(request, output, false, THREADS);
            requireAsPlanned(done, plan);
            assertThat(Jobs.bytes(output)).isEqualTo(plan.outputBytes());
            assertThat(Verifier.verify(output)).isEmpty();
            if (!model.equals(smallest())) {
                break;
            }
        }
        assertThat(Files.exists(costs.get())).isTrue();
    }

    /** Of the same size the first by name. */
    private static Path smallest() {
        return models().stream()
                .min(Comparator.comparingLong(SharedData::weightBytes).thenComparing(Comparator.naturalOrder()))
                .orElseThrow();
    }

    private static void requireBudgetMet(JobResult plan, double bits) {
        long budget = (long) Math.floor(bits * plan.weights() / 8);
        assertThat(plan.budgetBytes()).isEqualTo(budget);
        assertThat(plan.bytes()).isLessThanOrEqualTo(budget);
        assertThat(plan.bytes() >= 0.995 * budget || plan.budgetNote().isPresent())
                .as("%d of %d bytes, note %s", plan.bytes(), budget, plan.budgetNote())
                .isTrue();
        assertThat(plan.matrices().stream().mapToLong(MatrixResult::bytes).sum())
                .isEqualTo(plan.bytes());
        assertThat(plan.bound()).isBetween(0.0, plan.objective());
        assertThat(plan.gap()).isBetween(0.0, 5e-5);
    }

    private static void requireNoUniformFormatIsBetter(JobResult plan) {
        for (UniformFormat uniform : plan.uniform()) {
            assertThat(uniform.bytes()).isLessThanOrEqualTo(plan.budgetBytes());
            assertThat(plan.objective()).as("against " + uniform).isLessThanOrEqualTo(uniform.objective());
        }
    }

    private static void requireAsPlanned(JobResult done, JobResult plan) {
        assertThat(done.bytes()).isEqualTo(plan.bytes());
        assertThat(done.outputBytes()).isEqualTo(plan.outputBytes());
        assertThat(done.objective()).isEqualTo(plan.objective());
        assertThat(done.relativeError().getAsDouble())
                .isLessThanOrEqualTo(plan.relativeError().getAsDouble() * ROUNDING);
        for (int i = 0; i < plan.matrices().size(); i++) {
            MatrixResult planned = plan.matrices().get(i);
            MatrixResult made = done.matrices().get(i);
            assertThat(made)
                    .usingRecursiveComparison()
                    .ignoringFields("relativeError")
                    .isEqualTo(planned);
            assertThat(made.relativeError().getAsDouble())
                    .as(made.name())
                    .isLessThanOrEqualTo(planned.relativeError().getAsDouble() * ROUNDING);
        }
    }

    private static void report(Path model, double bits, JobResult plan) {
        long ranked =
                plan.matrices().stream().filter(matrix -> matrix.rank() > 0).count();
        int largest =
                plan.matrices().stream().mapToInt(MatrixResult::rank).max().orElseThrow();
        UniformFormat uniform = plan.uniform().isEmpty() ? null : plan.uniform().getFirst();
        System.out.printf(
                java.util.Locale.ROOT,
                "%s at %.2f: %.4f bits, error %.5f, uniform %s, rank > 0 in %d of %d (at most %d), %.1f s%n",
                model.getFileName(),
                bits,
                plan.bitsPerWeight(),
                plan.relativeError().getAsDouble(),
                uniform == null
                        ? "none"
                        : String.format(
                                java.util.Locale.ROOT,
                                "%.5f (%s)",
                                uniform.relativeError().getAsDouble(),
                                uniform.format()),
                ranked,
                plan.matrices().size(),
                largest,
                plan.seconds());
    }
}
