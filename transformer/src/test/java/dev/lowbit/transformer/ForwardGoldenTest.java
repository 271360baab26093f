package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Forward passes against float64 references; the tolerances are those of the golden data's README. */
class ForwardGoldenTest {
    private static final double LOGITS = 2e-4;
    private static final double HIDDEN = 1e-3;

    record Case(Path model, Path golden) {
        @Override
        public String toString() {
            return model.getFileName().toString();
        }
    }

    /** Files named after their model, and those that lie beside one; at least one of the two kinds. */
    static Stream<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Path golden : SharedData.filesIfAny("golden/llama-forward", "", ".safetensors")) {
            String name = golden.getFileName().toString().replace(".safetensors", "");
            cases.add(new Case(SharedData.folder("models").resolve(name), golden));
        }
        for (Path model : SharedData.models()) {
            if (Files.exists(model.resolve("golden-forward.safetensors"))) {
                cases.add(new Case(model, model.resolve("golden-forward.safetensors")));
            }
        }
        assertThat(cases)
                .as("golden/llama-forward/*.safetensors and models/*/golden-forward.safetensors")
                .isNotEmpty();
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void everyLayerAndEveryLogit(Case c) {
        try (GoldenFile golden = new GoldenFile(c.golden);
                Checkpoint checkpoint = Checkpoint.open(c.model);
                Transformer model = Transformers.load(checkpoint);
                Workspace space = new Workspace()) {
            assertThat(golden.prefixes("logits")).isNotEmpty();
            for (String prompt : golden.prefixes("logits")) {
                TokenBatch batch = TokenBatch.of(golden.ints(prompt + ".ids"));
                List<FloatMatrix> stream = model.forward(batch, space, LinearObserver.NONE, Workers.serial());
                float[] expected = golden.floats(prompt + ".hidden");
                for (int l = 0; l < stream.size(); l++) {
                    float[] actual = stream.get(l).toArray();
                    for (int i = 0; i < actual.length; i++) {
                        float value = expected[l * actual.length + i];
                        assertThat(Math.abs(actual[i] - value) / (1e-3 + Math.abs(value)))
                                .as("%s layer %d value %d", prompt, l, i)
                                .isLessThanOrEqualTo(HIDDEN);
                    }
                }
                FloatMatrix normed = space.matrix(
                        "test.normed", batch.tokens(), model.shape().hidden());
                model.finalNorm(stream.getLast(), normed, Workers.serial());
                FloatMatrix logits = logits(model, normed, space);
                assertThat(largestDifference(logits.toArray(), golden.floats(prompt + ".logits")))
                        .as(prompt)
                        .isLessThanOrEqualTo(LOGITS);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void decodingTokenByTokenGivesTheSameLogits(Case c) {
        try (GoldenFile golden = new GoldenFile(c.golden);
                Checkpoint checkpoint = Checkpoint.open(c.model);
                Transformer model = Transformers.load(checkpoint);
                Workspace space = new Workspace()) {
            assertThat(golden.prefixes("logits")).isNotEmpty();
            for (String prompt : golden.prefixes("logits")) {
                int[] ids = golden.ints(prompt + ".ids");
                float[] expected = golden.floats(prompt + ".logits");
                int vocabulary = model.shape().vocabulary();
                try (KeyValueCache cache = model.cache(ids.length);
                        FloatMatrix logits = FloatMatrix.allocate(1, vocabulary)) {
                    for (int t = 0; t < ids.length; t++) {
                        model.decode(new int[] {ids[t]}, cache, logits, space, Workers.serial());
                        float[] row = Arrays.copyOfRange(expected, t * vocabulary, (t + 1) * vocabulary);
                        assertThat(largestDifference(logits.toArray(), row)).isLessThanOrEqualTo(LOGITS);
                    }
                    cache.clear();
                    int half = Math.max(1, ids.length / 2);
                    model.decode(Arrays.copyOf(ids, half), cache, logits, space, Workers.serial());
                    model.decode(Arrays.copyOfRange(ids, half, ids.length), cache, logits, space, Workers.serial());
                    float[] last = Arrays.copyOfRange(expected, expected.length - vocabulary, expected.length);
                    assertThat(largestDifference(logits.toArray(), last)).isLessThanOrEqualTo(LOGITS);
                }
            }
        }
    }

    /** Losses of every token of {@code long} or {@code eval} (windows of ids, each alone), and where they are stored the last logits. */
    @ParameterizedTest
    @MethodSource("cases")
    void everyTokensLossAtFullContext(Case c) {
        try (GoldenFile golden = new GoldenFile(c.golden);
                Checkpoint checkpoint = Checkpoint.open(c.model);
                Transformer model = Transformers.load(checkpoint);
                Workspace space = new Workspace()) {
            int compared = 0;
            for (String set : golden.prefixes("nll")) {
                int[] ids = golden.ints(set + ".ids");
                int length = golden.shape(set + ".ids").getLast().intValue();
                float[] losses = golden.floats(set + ".nll");
                for (int window = 0; window < ids.length / length; window++) {
                    int[] tokens = Arrays.copyOfRange(ids, window * length, (window + 1) * length);
                    FloatMatrix normed = model.hidden(TokenBatch.of(tokens), space, Workers.serial());
                    FloatMatrix logits = logits(model, normed, space);
                    for (int t = 0; t + 1 < length; t++) {
                        // the normalizer and the token's own logit: twice what a logit may differ
                        assertThat(-logProbabilities(logits.rows(t, 1).toArray())[tokens[t + 1]])
                                .as("%s window %d token %d", set, window, t)
                                .isCloseTo(losses[window * (length - 1) + t], within(2 * LOGITS));
                        compared++;
                    }
                    if (golden.has(set + ".last_logits")) {
                        float[] last = logits.rows(length - 1, 1).toArray();
                        assertThat(largestDifference(last, golden.floats(set + ".last_logits")))
                                .isLessThanOrEqualTo(LOGITS);
                    }
                }
            }
            assertThat(compared).isPositive();
        }
    }

    private static double[] logProbabilities(float[] logits) {
        double[] wide = new double[logits.length];
        Arrays.setAll(wide, i -> logits[i]);
        return ReferenceDecoder.logProbabilities(wide);
    }

    /** Of all positions, in the workspace. */
    private static FloatMatrix logits(Transformer model, FloatMatrix normed, Workspace space) {
        FloatMatrix logits =
                space.matrix("test.logits", normed.rows(), model.shape().vocabulary());
        model.logits(normed, logits, Workers.serial());
        return logits;
    }

    private static double largestDifference(float[] actual, float[] expected) {
        assertThat(actual).hasSameSizeAs(expected);
        double worst = 0;
        for (int i = 0; i < actual.length; i++) {
            worst = Math.max(worst, Math.abs((double) actual[i] - expected[i]));
        }
        return worst;
    }
}
