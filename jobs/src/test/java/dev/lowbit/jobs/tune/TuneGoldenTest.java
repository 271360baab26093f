package dev.lowbit.jobs.tune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SharedInputs;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Tuning on trained weights and real text. */
class TuneGoldenTest {
    /** As many are compressed and tuned. */
    private static final long WEIGHTS = 500_000;

    @TempDir
    private Path folder;

    private static int context(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model);
                Transformer transformer = Transformers.load(checkpoint)) {
            return transformer.shape().context();
        }
    }

    /** The smallest complete model, on the beginning of the largest text. */
    @Test
    void loweringTheDivergenceOnTrainingTextLowersItOnTheHeldOutPart() {
        Path model = SharedInputs.smallestCompleteModel();
        Path compressed = folder.resolve("compressed");
        // a rank costs (rows + columns) / rows / columns of 8 bits and more: much on matrices of 64 columns
        List<Object> compress = new ArrayList<>(List.of(
                "compress", model, "--out", compressed, "--bits", 3.5, "--min-rank", 1, "--rank", 1, "--quiet"));
        compress.addAll(SharedInputs.only(SharedInputs.upTo(WEIGHTS, model)));
        Lowbit run = Lowbit.run(compress.toArray());
        assertThat(run.code()).as(run.err()).isZero();
        Lowbit tuned = Lowbit.run(
                "tune",
                compressed,
                "--text",
                SharedInputs.largestText(),
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
        assertThat(tuned.code()).as(tuned.err()).isZero();
        JsonNode result = JsonMapper.shared().readTree(tuned.out());
        // by how much depends on the model and the text
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(result.get("lossBefore").doubleValue());
        System.out.println("tuning " + model.getFileName() + ": held-out KL " + result.get("lossBefore") + " -> "
                + result.get("lossAfter"));
    }
}
