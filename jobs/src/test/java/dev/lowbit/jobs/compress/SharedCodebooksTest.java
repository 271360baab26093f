package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.SharedParts;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Budgets of a method whose matrices have parts in common: these count once, everywhere. */
class SharedCodebooksTest {
    private static final String METHOD = "pv-tuning";

    @TempDir
    private Path folder;

    private Path model;

    @BeforeEach
    void write() {
        model = SmallModel.llama().write(folder.resolve("model"));
    }

    private JobRequest request(Budget budget) {
        // one cost table for all budgets, as a user would keep it
        return Jobs.request(
                METHOD,
                new Compressor.Limits(0, Jobs.RANK, 0, 0),
                model,
                budget,
                Optional.of(folder.resolve("costs.json")),
                OptionalLong.empty());
    }

    @ParameterizedTest
    @ValueSource(doubles = {1.4, 2.6, 3.9})
    void bitsAreKeptAndPlanAndCompressAgree(double bits) {
        JobRequest request = request(new Budget.BitsPerWeight(bits));
        JobResult plan = Jobs.plan(request, 1);
        Path output = folder.resolve("out");
        JobResult result = Jobs.compress(request, output, false, 1);
        assertThat(result.bytes()).isEqualTo(plan.bytes()).isLessThanOrEqualTo(result.budgetBytes());
        Manifest manifest = Manifest.read(output);
        assertThat(manifest.shared()).isNotEmpty().hasSizeLessThanOrEqualTo(2);
        assertThat(manifest.matrices().stream().mapToLong(m -> m.bytes()).sum()).isEqualTo(plan.bytes());
        for (int i = 0; i < manifest.matrices().size(); i++) {
            assertThat(plan.matrices().get(i).bytes())
                    .isEqualTo(result.matrices().get(i).bytes())
                    .isEqualTo(manifest.matrices().get(i).bytes());
        }
        long own = manifest.matrices().stream()
                .flatMap(matrix -> matrix.parts().stream())
                .mapToLong(part -> part.bytes())
                .sum();
        assertThat(own
                        + manifest.shared().stream()
                                .mapToLong(SharedParts::bytes)
                                .sum())
                .isEqualTo(plan.bytes());
        assertThat(Jobs.bytes(output)).isEqualTo(plan.outputBytes()).isEqualTo(result.outputBytes());
        assertThat(result.relativeError().getAsDouble())
                .isLessThanOrEqualTo(plan.relativeError().getAsDouble());
        assertThat(Lowbit.run("verify", output).code()).isZero();
    }

    @Test
    void aSizeIsKeptAndTheSmallestIsNamed() {
        long smallest = named("--size", 1);
        JobRequest request = request(new Budget.OutputBytes(smallest));
        Jobs.compress(request, folder.resolve("smallest"), false, 1);
        assertThat(Jobs.bytes(folder.resolve("smallest"))).isEqualTo(smallest);
        assertThat(named("--size", smallest - 1)).isEqualTo(smallest);

        long more = smallest + 3000;
        JobResult plan = Jobs.plan(request(new Budget.OutputBytes(more)), 1);
        assertThat(plan.outputBytes()).isBetween(more - 600, more);
    }

    @Test
    void theSmallestBitsAreNamed() {
        Lowbit refused = run("--bits", 0.1);
        assertThat(refused.code()).isEqualTo(5);
        Matcher named = Pattern.compile("give --bits ([0-9.]+) or more").matcher(refused.err());
        assertThat(named.find()).as(refused.err()).isTrue();
        Lowbit enough = run("--bits", named.group(1));
        assertThat(enough.code()).as(enough.err()).isZero();
    }

    @Test
    void everyMatrixInOneFormat() {
        Path output = folder.resolve("out");
        Lowbit run = Lowbit.run(
                "compress",
                model,
                "--method",
                METHOD,
                "--format",
                "aq2x4-g8-row-s4x64-bf16",
                "--out",
                output,
                "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        Manifest manifest = Manifest.read(output);
        assertThat(manifest.shared()).extracting(SharedParts::id).containsExactly("aq2x4-g8");
        assertThat(manifest.matrices()).allMatch(matrix -> matrix.format().equals("aq2x4-g8-row-s4x64-bf16"));
    }

    private Lowbit run(Object... budget) {
        return Lowbit.run(
                "plan",
                model,
                "--method",
                METHOD,
                "--rank",
                Jobs.RANK,
                "--costs",
                folder.resolve("other-costs.json"),
                "--quiet",
                budget[0],
                budget[1]);
    }

    private long named(String option, long value) {
        Lowbit refused = run(option, value);
        assertThat(refused.code()).as(refused.err()).isEqualTo(5);
        Matcher named = Pattern.compile("give --size (\\d+) or more").matcher(refused.err());
        assertThat(named.find()).as(refused.err()).isTrue();
        return Long.parseLong(named.group(1));
    }
}
