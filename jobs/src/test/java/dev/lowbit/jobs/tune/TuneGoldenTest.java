package dev.lowbit.jobs.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.jobs.Lowbit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Tuning on trained weights and real text. */
class TuneGoldenTest {
    @TempDir
    private Path folder;

    private static int context(Path model) {
        return JsonMapper.shared()
                .readTree(model.resolve("config.json").toFile())
                .get("max_position_embeddings")
                .intValue();
    }

    /** The smallest complete model with a tokenizer, on the beginning of the calibration text. */
    @Test
    void loweringTheDivergenceOnTrainingTextLowersItOnTheHeldOutPart() {
        Path model = SharedData.models().stream()
                .filter(m -> Files.isRegularFile(m.resolve("tokenizer.json"))
                        && Files.isRegularFile(m.resolve("config.json"))
                        && Files.isRegularFile(m.resolve("model.safetensors")))
                .min(Comparator.comparingLong(
                        m -> m.resolve("model.safetensors").toFile().length()))
                .orElseThrow();
        Path text = SharedData.files("text", "", "-calib.txt").getFirst();
        Path compressed = folder.resolve("compressed");
        // a rank costs (rows + columns) / rows / columns of 8 bits and more: much on matrices of 64 columns
        Lowbit run = Lowbit.run(
                "compress", model, "--out", compressed, "--bits", 3.5, "--min-rank", 1, "--rank", 1, "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        Lowbit tuned = Lowbit.run(
                "tune",
                compressed,
                "--text",
                text,
                "--reference",
                model,
                "--out",
                folder.resolve("tuned"),
                "--context",
                Math.min(128, context(model)),
                "--max-tokens",
                8000,
                "--epochs",
                1,
                "--json",
                "--quiet");
        assertThat(tuned.err()).isEmpty();
        JsonNode result = JsonMapper.shared().readTree(tuned.out());
        // 15 steps take off a quarter here; a twentieth is more than luck on 800 held-out tokens gives
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(0.95 * result.get("lossBefore").doubleValue());
        System.out.println("tuning " + model.getFileName() + ": held-out KL " + result.get("lossBefore") + " -> "
                + result.get("lossAfter"));
    }
}
