package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The tour that the README promises first: within its budgets, verified, and kept only when asked for. */
class DemoTest {
    @TempDir
    private Path folder;

    @Test
    void theDemoMeetsItsBudgetsAndKeepsWhatWasAskedFor() {
        Path kept = folder.resolve("kept");
        Lowbit run = Lowbit.run("demo", "--out", kept, "--json", "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(run.err()).isEmpty();
        JsonNode models = JsonMapper.shared().readTree(run.out()).get("models");
        assertThat(models.size()).isGreaterThan(2);
        // it knows its stories: a model that knows nothing has a perplexity of about 512, their words make 1.4
        double perplexity = models.get(0).get("perplexity").doubleValue();
        assertThat(perplexity).isBetween(1.2, 1.6);
        double divergence = 0;
        for (int i = 1; i < models.size(); i++) {
            JsonNode model = models.get(i);
            double budget = Double.parseDouble(model.get("name").stringValue().replace("-bits", ""));
            // the promise of every budget: never over, at most half a percent under
            assertThat(model.get("bitsPerWeight").doubleValue())
                    .isLessThanOrEqualTo(budget)
                    .isGreaterThan(budget * 0.995);
            assertThat(model.get("klDivergence").doubleValue()).isGreaterThan(divergence);
            divergence = model.get("klDivergence").doubleValue();
            assertThat(Lowbit.run("verify", kept.resolve(model.get("name").stringValue()))
                            .code())
                    .isZero();
        }
        // far from broken: less than a tenth of what the text itself costs
        assertThat(divergence).isLessThan(0.1);
        assertThat(kept.resolve("model/tokenizer.json")).isRegularFile();
        assertThat(Files.exists(kept.resolve("evaluation.txt"))).isTrue();
    }
}
