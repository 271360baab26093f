package dev.lowbit.transformer.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.text.ModelTables.Figure;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The perplexities of the shared models' README from the texts themselves, to its digits. All of them take minutes, so without
 * {@code -Dlowbit.full} the smallest model of the table stands for the others.
 */
class PerplexityGoldenTest {
    private static final Pattern COLUMN = Pattern.compile("(\\S+) \\(([0-9,]+) tokens\\)");

    static List<Figure> figures() {
        List<Figure> all = ModelTables.figures("tinystories-eval");
        if (all.isEmpty()) {
            System.out.println("skipped: none of the models with a perplexity in the README is there");
        }
        if (Boolean.getBoolean("lowbit.full") || all.isEmpty()) {
            return all;
        }
        Path smallest = all.stream()
                .map(Figure::model)
                .min(Comparator.comparingLong(SharedData::weightBytes))
                .orElseThrow();
        return all.stream()
                .filter(f -> f.model().equals(smallest) && f.column().startsWith("tinystories"))
                .toList();
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("figures")
    void toTheDigitsOfTheTable(Figure figure) {
        Matcher column = COLUMN.matcher(figure.column());
        assertThat(column.find()).isTrue();
        int count = Integer.parseInt(column.group(2).replace(",", ""));
        try (TestThreads threads = new TestThreads();
                Checkpoint checkpoint = Checkpoint.open(figure.model());
                Transformer model = Transformers.load(checkpoint);
                Tokenizer tokenizer = Tokenizer.open(figure.model())) {
            int[] tokens = Corpus.read(
                            SharedData.folder("text").resolve(column.group(1) + ".txt"),
                            tokenizer,
                            model.shape().vocabulary())
                    .joined();
            Evaluation.Result result = Evaluation.evaluate(
                    model,
                    null,
                    tokenizer.requireBeginning(),
                    Arrays.copyOf(tokens, count),
                    model.shape().context(),
                    threads.workers());
            assertThat(result.tokens()).isEqualTo(count);
            // five significant digits
            assertThat(result.perplexity()).isCloseTo(figure.perplexity(), within(1e-5 * figure.perplexity() * 5));
        }
    }
}
