package dev.lowbit.transformer.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.Workspace;
import dev.lowbit.transformer.text.Generation.Stop;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Text that trained models write. */
class GenerationGoldenTest {
    private static final String PROMPT = "Once upon a time";

    static List<Path> models() {
        return SharedData.models().stream()
                .filter(model -> Files.exists(model.resolve("tokenizer.json")))
                .toList();
    }

    private static int[] prompt(Tokenizer tokenizer, String text) {
        int[] ids = tokenizer.encodePrompt(text);
        int[] prompt = new int[ids.length + 1];
        prompt[0] = tokenizer.requireBeginning();
        System.arraycopy(ids, 0, prompt, 1, ids.length);
        return prompt;
    }

    /** Whole sequences without a cache are the same function; each step reads everything anew. */
    @ParameterizedTest
    @MethodSource("models")
    void withAndWithoutCacheTheSameTokens(Path folder) {
        try (Checkpoint checkpoint = Checkpoint.open(folder);
                Transformer model = Transformers.load(checkpoint);
                Tokenizer tokenizer = Tokenizer.open(folder);
                Workspace space = new Workspace();
                FloatMatrix logits = FloatMatrix.allocate(1, model.shape().vocabulary())) {
            int[] prompt = prompt(tokenizer, PROMPT);
            int[] cached = Generation.run(
                            model, prompt, 40, tokenizer.ends(), TokenChoice.greedy(), id -> {}, Workers.serial())
                    .tokens();
            assertThat(cached).isNotEmpty();
            int[] all = prompt;
            for (int expected : cached) {
                FloatMatrix normed = model.hidden(TokenBatch.of(all), space, Workers.serial());
                model.logits(normed.rows(all.length - 1, 1), logits, Workers.serial());
                assertThat(TokenChoice.greedy().choose(logits)).isEqualTo(expected);
                all = Arrays.copyOf(all, all.length + 1);
                all[all.length - 1] = expected;
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void stopsWhereItMust(Path folder) {
        try (TestThreads threads = new TestThreads();
                Checkpoint checkpoint = Checkpoint.open(folder);
                Transformer model = Transformers.load(checkpoint);
                Tokenizer tokenizer = Tokenizer.open(folder)) {
            int context = model.shape().context();
            int[] prompt = prompt(tokenizer, "");
            assertThat(prompt).hasSize(1);
            int[] few = new int[context - 2];
            Arrays.fill(few, prompt[0]);
            TokenChoice greedy = TokenChoice.greedy();
            List<Integer> told = new ArrayList<>();
            Generation.Result full = Generation.run(model, few, 1000, Set.of(), greedy, told::add, threads.workers());
            assertThat(full.stop()).isEqualTo(Stop.CONTEXT);
            assertThat(full.tokens()).hasSize(3);
            assertThat(told)
                    .containsExactly(Arrays.stream(full.tokens()).boxed().toArray(Integer[]::new));
            Generation.Result one = Generation.run(model, few, 1, Set.of(), greedy, id -> {}, Workers.serial());
            assertThat(one.stop()).isEqualTo(Stop.MAX_TOKENS);
            assertThat(one.tokens()).containsExactly(full.tokens()[0]);
            Generation.Result none =
                    Generation.run(model, few, 9, Set.of(full.tokens()[0]), greedy, id -> {}, Workers.serial());
            assertThat(none.stop()).isEqualTo(Stop.END);
            assertThat(none.tokens()).isEmpty();
        }
    }

    /** Curly quotes, an accent and an emoji come as single bytes where the vocabulary does not have them. */
    @ParameterizedTest
    @MethodSource("models")
    void textComesInPiecesThatAddUp(Path folder) {
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            String text = "Tom said, “Let's go to the café!” The dog ran 12 steps.  Then 😀 it sat. ".repeat(8);
            int[] ids = tokenizer.encode(text);
            TextStream stream = new TextStream(tokenizer);
            StringBuilder pieces = new StringBuilder();
            for (int id : ids) {
                String piece = stream.next(id);
                assertThat(piece).doesNotContain("\uFFFD");
                pieces.append(piece);
            }
            pieces.append(stream.end());
            assertThat(pieces.toString()).isEqualTo(tokenizer.decode(ids));
        }
    }
}
