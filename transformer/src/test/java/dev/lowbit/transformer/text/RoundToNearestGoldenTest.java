package dev.lowbit.transformer.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.codebook.Codebook;
import dev.lowbit.codebook.NormalFloat;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.text.ModelTables.Figure;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What plain rounding of all projections does to the shared models, as their README has it: asymmetric, from the smallest to the
 * largest weight of a group, zero included. All rows take minutes, so without {@code -Dlowbit.full} only one row of the
 * model with its own windows is run.
 */
class RoundToNearestGoldenTest {
    private static final int GROUP = 32;
    private static final int TOKENS = 32_768;
    /** The README's bound. */
    private static final double RELATIVE = 5e-3;

    /** Changes a group of weights in place. */
    private interface Rounding {
        void round(float[] weights, int from, int to);
    }

    /** In the paragraph that begins with the model's name. */
    private static final Pattern WINDOWS =
            Pattern.compile("Round-to-nearest as below on [^:]*: ([^.]*(?:\\.[0-9][^.]*)*)");

    static List<Figure> onText() {
        return Boolean.getBoolean("lowbit.full") ? ModelTables.figures("int8") : List.of();
    }

    static List<Figure> onWindows() {
        List<Figure> figures = new ArrayList<>();
        for (String paragraph : ModelTables.readme().split("\n\\s*\n")) {
            Matcher text = WINDOWS.matcher(paragraph);
            Path model = SharedData.folder("models").resolve(paragraph.strip().split("\\s", 2)[0]);
            if (text.find() && Files.exists(model.resolve("golden-forward.safetensors"))) {
                List<Figure> ofModel = new ArrayList<>();
                ModelTables.pairs(text.group(1)).forEach((format, ppl) -> ofModel.add(new Figure(model, format, ppl)));
                assertThat(ofModel).isNotEmpty();
                // the coarsest format tells most
                figures.addAll(Boolean.getBoolean("lowbit.full") ? ofModel : List.of(ofModel.getLast()));
            }
        }
        return figures;
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource
    void onText(Figure figure) {
        try (TestThreads threads = new TestThreads();
                Checkpoint checkpoint = Checkpoint.open(figure.model());
                Transformer model = Transformers.load(checkpoint);
                Tokenizer tokenizer = Tokenizer.open(figure.model())) {
            int[] tokens = Corpus.read(
                            SharedData.folder("text").resolve("tinystories-eval.txt"),
                            tokenizer,
                            model.shape().vocabulary())
                    .joined();
            roundAll(model, figure.column());
            check(
                    figure,
                    model,
                    tokenizer.requireBeginning(),
                    Arrays.copyOf(tokens, TOKENS),
                    model.shape().context(),
                    threads.workers());
        }
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource
    void onWindows(Figure figure) {
        try (TestThreads threads = new TestThreads();
                Checkpoint checkpoint = Checkpoint.open(figure.model());
                Transformer model = Transformers.load(checkpoint);
                GoldenFile golden = new GoldenFile(figure.model().resolve("golden-forward.safetensors"))) {
            FloatMatrix shape = golden.matrix("eval.nll");
            int length = shape.columns();
            int[] ids = golden.ints("eval.ids");
            int[] tokens = new int[shape.rows() * length];
            for (int w = 0; w < shape.rows(); w++) {
                System.arraycopy(ids, w * (length + 1) + 1, tokens, w * length, length);
            }
            roundAll(model, figure.column());
            check(figure, model, ids[0], tokens, length + 1, threads.workers());
        }
    }

    private static void check(
            Figure figure, Transformer model, int beginning, int[] tokens, int context, Workers workers) {
        double perplexity = Evaluation.evaluate(model, null, beginning, tokens, context, workers)
                .perplexity();
        assertThat(perplexity).isCloseTo(figure.perplexity(), within(RELATIVE * figure.perplexity()));
    }

    private static void roundAll(Transformer model, String format) {
        for (Linear linear : model.linears()) {
            FloatMatrix weights =
                    FloatMatrix.allocate(linear.weight().rows(), linear.weight().columns());
            linear.weight().dequantize(0, weights, Workers.serial());
            int group = format.contains("one group a row") ? weights.columns() : GROUP;
            float[] row = new float[weights.columns()];
            for (int i = 0; i < weights.rows(); i++) {
                for (int j = 0; j < row.length; j++) {
                    row[j] = weights.get(i, j);
                }
                for (int from = 0; from < row.length; from += group) {
                    rounding(format).round(row, from, Math.min(row.length, from + group));
                }
                for (int j = 0; j < row.length; j++) {
                    weights.set(i, j, row[j]);
                }
            }
            linear.replace(new FloatWeights(weights));
        }
    }

    private static Rounding rounding(String format) {
        if (format.equals("f32")) {
            return (weights, from, to) -> {};
        }
        if (format.equals("f16")) {
            return RoundToNearestGoldenTest::half;
        }
        if (format.startsWith("NF4")) {
            return RoundToNearestGoldenTest::normalFloat;
        }
        Matcher bits = Pattern.compile("^int([0-9])").matcher(format);
        assertThat(bits.find()).as(format).isTrue();
        int levels = (1 << Integer.parseInt(bits.group(1))) - 1;
        return (weights, from, to) -> minMax(weights, from, to, levels);
    }

    private static void half(float[] weights, int from, int to) {
        for (int i = from; i < to; i++) {
            weights[i] = Float.float16ToFloat(Float.floatToFloat16(weights[i]));
        }
    }

    private static void normalFloat(float[] weights, int from, int to) {
        float largest = 0;
        for (int i = from; i < to; i++) {
            largest = Math.max(largest, Math.abs(weights[i]));
        }
        Codebook values = NormalFloat.of(4);
        for (int i = from; i < to; i++) {
            weights[i] = largest == 0 ? 0 : largest * values.value(values.encode(weights[i] / largest));
        }
    }

    /** The grid holds zero exactly: w = step (code - zero) with codes and zero in 0..levels. */
    private static void minMax(float[] weights, int from, int to, int levels) {
        float least = 0;
        float most = 0;
        for (int i = from; i < to; i++) {
            least = Math.min(least, weights[i]);
            most = Math.max(most, weights[i]);
        }
        // floats, as the figures' author had: some models lie on a grid of their own and halves are frequent
        float step = most == least ? 1 : (most - least) / levels;
        float zero = (float) Math.rint(-least / step);
        for (int i = from; i < to; i++) {
            float code = Math.clamp((float) Math.rint(weights[i] / step) + zero, 0, levels);
            weights[i] = step * (code - zero);
        }
    }
}
