package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The tour that the README promises first: within its budget, verified, and kept only when asked for. */
class DemoTest {
    @TempDir
    private Path folder;

    @Test
    void theDemoMeetsItsBudgetAndKeepsWhatWasAskedFor() {
        Path kept = folder.resolve("kept");
        Lowbit run = Lowbit.run("demo", "--out", kept, "--json", "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
        JsonNode result = JsonMapper.shared().readTree(run.out());
        double bits = result.get("bitsPerWeight").doubleValue();
        // the promise of every budget: never over, at most half a percent under
        assertThat(bits).isLessThanOrEqualTo(2.75).isGreaterThan(2.75 * 0.995);
        assertThat(result.get("matrices").size()).isPositive();
        result.get("uniform")
                .forEach(uniform -> assertThat(result.get("objective").doubleValue())
                        .isLessThanOrEqualTo(uniform.get("objective").doubleValue()));
        assertThat(Files.isDirectory(kept.resolve("model"))).isTrue();
        assertThat(Lowbit.run("verify", kept.resolve("compressed")).code()).isZero();
    }
}
