package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.kernel.Workers;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Losses of every token of the golden texts, at full context. */
class EvaluationGoldenTest {
    /** A token's loss differs by at most twice what a logit may: 2e-4. */
    private static final double LOSS = 4e-4;

    @ParameterizedTest
    @MethodSource("dev.lowbit.transformer.ForwardGoldenTest#cases")
    void meanLosses(ForwardGoldenTest.Case c) {
        try (GoldenFile golden = new GoldenFile(c.golden());
                Checkpoint checkpoint = Checkpoint.open(c.model());
                Transformer model = Transformers.load(checkpoint)) {
            String set = golden.has("eval.ids") ? "eval" : "long";
            float[] losses = golden.floats(set + ".nll");
            int[] ids = golden.ints(set + ".ids");
            int context = golden.shape(set + ".ids").getLast().intValue();
            double expected = 0;
            for (float loss : losses) {
                expected += loss / losses.length;
            }
            // windows of context ids, each begun with the same id: what evaluate makes of the ids without it
            int[] tokens = new int[ids.length / context * (context - 1)];
            for (int w = 0; w < ids.length / context; w++) {
                System.arraycopy(ids, w * context + 1, tokens, w * (context - 1), context - 1);
            }
            Evaluation.Result result = Evaluation.evaluate(model, null, ids[0], tokens, context, Workers.serial());
            assertThat(result.tokens()).isEqualTo(losses.length);
            // a twentieth of what a token may differ: errors of single tokens are random in sign, and there are
            // hundreds
            assertThat(result.negativeLogLikelihood()).isCloseTo(expected, within(LOSS / 20));
            assertThat(result.perplexity()).isCloseTo(Math.exp(expected), within(LOSS / 20 * Math.exp(expected)));

            Evaluation.Result one =
                    Evaluation.evaluate(model, null, ids[0], Arrays.copyOf(tokens, 1), context, Workers.serial());
            assertThat(one.negativeLogLikelihood()).isCloseTo(losses[0], within(LOSS));
        }
    }

    @ParameterizedTest
    @MethodSource("dev.lowbit.transformer.ForwardGoldenTest#cases")
    void aModelDoesNotDivergeFromItself(ForwardGoldenTest.Case c) {
        try (GoldenFile golden = new GoldenFile(c.golden());
                Checkpoint checkpoint = Checkpoint.open(c.model());
                Transformer model = Transformers.load(checkpoint)) {
            String prompt = golden.prefixes("logits").stream().findFirst().orElseThrow();
            int[] ids = golden.ints(prompt + ".ids");
            Evaluation.Result result =
                    Evaluation.evaluate(model, model, ids[0], ids, model.shape().context(), Workers.serial());
            assertThat(result.comparison().divergence()).isZero();
            assertThat(result.comparison().divergence99()).isZero();
            assertThat(result.comparison().top1Agreement()).isEqualTo(1);
        }
    }
}
