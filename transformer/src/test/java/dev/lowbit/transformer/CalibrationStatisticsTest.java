package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import dev.lowbit.transformer.calibration.Divergence;
import dev.lowbit.transformer.calibration.LayerStatistics;
import dev.lowbit.transformer.calibration.Statistics;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Statistics of linear layers against sums in double over one window at a time. */
@Tag("kernels")
class CalibrationStatisticsTest {
    private static final int CONTEXT = 7;

    @TempDir
    private Path folder;

    static Stream<SmallModels> models() {
        return Stream.of(
                new SmallModels(new ModelShape(12, 2, 4, 2, 6, 20, 17, 16), true, "silu", true, false, 1),
                new SmallModels(new ModelShape(10, 1, 2, 2, 5, 14, 13, 16), false, "gelu", true, true, 4));
    }

    /** Three whole windows and a shorter one. */
    private static CalibrationTokens tokens(int vocabulary) {
        int[] ids = new int[3 * (CONTEXT - 1) + 2];
        for (int t = 0; t < ids.length; t++) {
            ids[t] = (t * t + 3 * t + 1) % vocabulary;
        }
        return new CalibrationTokens(1, ids, CONTEXT);
    }

    /** A copy of what a layer's statistics hold. */
    private record Copy(float[] fisher, float[] outputs, float[] moment, float[] mean, float[] norm, String owner) {
        static Copy of(LayerStatistics s) {
            return new Copy(
                    s.fisher().toArray(),
                    s.outputs(),
                    s.inputs().secondMoment().toArray(),
                    s.inputs().mean(),
                    s.inputs().norm(),
                    s.inputs().owner());
        }
    }

    private static Map<String, Copy> collect(Transformer model, CalibrationTokens tokens, long bytes, Workers workers) {
        Map<String, Copy> all = new LinkedHashMap<>();
        Statistics statistics = new Statistics(model, tokens, workers);
        statistics.collect(bytes, layer -> all.put(layer.name(), Copy.of(layer)), read -> {}, workers);
        return all;
    }

    @ParameterizedTest
    @MethodSource("models")
    void areTheSumsOverAllWindows(SmallModels small) {
        try (Transformer model = small.load(folder);
                Workspace space = new Workspace()) {
            CalibrationTokens tokens = tokens(model.shape().vocabulary());
            Map<String, Copy> actual = collect(model, tokens, Long.MAX_VALUE, Workers.serial());
            assertThat(actual.keySet())
                    .containsExactlyElementsOf(
                            model.linears().stream().map(Linear::name).toList());
            Map<String, double[]> fisher = new LinkedHashMap<>();
            Map<String, double[]> outputs = new LinkedHashMap<>();
            Map<String, double[]> moments = new LinkedHashMap<>();
            Map<String, double[]> sums = new LinkedHashMap<>();
            int length = CONTEXT - 1;
            for (int from = 0; from < tokens.ids().length; from += length) {
                int to = Math.min(tokens.ids().length, from + length);
                TokenBatch window = TokenBatch.windows(tokens.beginning(), tokens.ids(), from, to, length);
                int[] targets = java.util.Arrays.copyOfRange(tokens.ids(), from, to);
                GradientSink sink = new GradientSink() {
                    @Override
                    public boolean wants(String name) {
                        return actual.containsKey(name);
                    }

                    @Override
                    public void linear(Linear layer, FloatMatrix x, FloatMatrix dy, Workers workers) {
                        int m = dy.columns();
                        int n = x.columns();
                        double[] f = fisher.computeIfAbsent(layer.name(), k -> new double[m * n]);
                        double[] o = outputs.computeIfAbsent(layer.name(), k -> new double[m]);
                        double[] h = moments.computeIfAbsent(layer.name(), k -> new double[n * n]);
                        double[] s = sums.computeIfAbsent(layer.name(), k -> new double[n]);
                        for (int i = 0; i < m; i++) {
                            for (int j = 0; j < n; j++) {
                                double gradient = 0;
                                for (int t = 0; t < x.rows(); t++) {
                                    gradient += (double) dy.get(t, i) * x.get(t, j);
                                }
                                f[i * n + j] += gradient * gradient;
                            }
                        }
                        for (int t = 0; t < x.rows(); t++) {
                            for (int i = 0; i < m; i++) {
                                o[i] += (double) dy.get(t, i) * dy.get(t, i);
                            }
                            for (int i = 0; i < n; i++) {
                                s[i] += x.get(t, i);
                                for (int j = 0; j < n; j++) {
                                    h[i * n + j] += (double) x.get(t, i) * x.get(t, j);
                                }
                            }
                        }
                    }

                    @Override
                    public void vector(String name, float[] gradient) {}

                    @Override
                    public void rows(Table table, String name, int[] indices, FloatMatrix dx) {}
                };
                model.backward(window, new CrossEntropy(targets, 1), sink, space, Workers.serial());
            }
            int n = tokens.ids().length;
            actual.forEach((name, copy) -> {
                // a float gradient over six tokens is exact to some 2^-23 of its largest terms, its square to twice
                // that
                close(name + " fisher", copy.fisher, fisher.get(name), 1, 4e-6);
                close(name + " outputs", copy.outputs, outputs.get(name), 1, 1e-7);
                close(name + " moment", copy.moment, moments.get(name), 1.0 / n, 1e-7);
                close(name + " mean", copy.mean, sums.get(name), 1.0 / n, 1e-7);
                double[] h = moments.get(name);
                for (int i = 0; i < copy.norm.length; i++) {
                    double norm = Math.sqrt(h[i * copy.norm.length + i]);
                    assertThat((double) copy.norm[i]).isCloseTo(norm, within(1e-7 * norm));
                }
            });
        }
    }

    private static void close(String what, float[] actual, double[] expected, double factor, double tolerance) {
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value * factor));
        }
        assertThat(actual).as(what).hasSize(expected.length);
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i])
                    .as("%s[%d]", what, i)
                    .isCloseTo(expected[i] * factor, within(tolerance * largest));
        }
    }

    @Test
    void layersWithTheSameInputsShareThem() {
        try (Transformer model = models().findFirst().orElseThrow().load(folder)) {
            Map<String, Copy> all = collect(model, tokens(17), Long.MAX_VALUE, Workers.serial());
            assertThat(all.get("model.layers.1.self_attn.v_proj.weight").owner)
                    .isEqualTo("model.layers.1.self_attn.q_proj.weight");
            assertThat(all.get("model.layers.0.mlp.up_proj.weight").owner)
                    .isEqualTo("model.layers.0.mlp.gate_proj.weight");
            for (String own : List.of("self_attn.o_proj", "mlp.down_proj", "mlp.gate_proj")) {
                String name = "model.layers.0." + own + ".weight";
                assertThat(all.get(name).owner).isEqualTo(name);
            }
        }
    }

    @Test
    void threadsAndPassesChangeNoBit() {
        try (ExecutorService executor = Executors.newFixedThreadPool(2);
                Transformer model = models().findFirst().orElseThrow().load(folder)) {
            CalibrationTokens tokens = tokens(17);
            Map<String, Copy> all = collect(model, tokens, Long.MAX_VALUE, Workers.serial());
            Statistics statistics = new Statistics(model, tokens, Workers.serial());
            assertThat(statistics.passes(statistics.bytes())).isEqualTo(1);
            assertThat(statistics.passes(statistics.bytes() - 1)).isEqualTo(2);
            assertThat(statistics.passes(statistics.leastBytes())).isGreaterThan(2);
            Map<String, Copy> other = collect(model, tokens, statistics.leastBytes(), Workers.on(executor, 3));
            all.forEach((name, copy) -> {
                assertThat(other.get(name).fisher).isEqualTo(copy.fisher);
                assertThat(other.get(name).moment).isEqualTo(copy.moment);
                assertThat(other.get(name).outputs).isEqualTo(copy.outputs);
            });
        }
    }

    @Test
    void theDivergenceIsThatOfEvaluation() {
        SmallModels small = models().findFirst().orElseThrow();
        try (Transformer model = small.load(folder);
                Transformer other = small.load(folder)) {
            CalibrationTokens tokens = tokens(17);
            List<Map<String, QuantizedMatrix>> variants = new ArrayList<>();
            variants.add(Map.of());
            BlockFormat format = (BlockFormat) MatrixFormats.parse("nf2-g16-bf16");
            for (Linear layer : model.linears()) {
                FloatMatrix weights = FloatMatrix.allocate(
                        layer.weight().rows(), layer.weight().columns());
                layer.weight().dequantize(0, weights, Workers.serial());
                QuantizedMatrix coarse =
                        BlockQuantizer.quantize(weights, Importance.uniform(), format, Workers.serial());
                variants.add(Map.of(layer.name(), coarse));
                weights.close();
            }
            double[] divergences =
                    Divergence.of(model, tokens, variants.size(), variants::get, done -> {}, Workers.serial());
            assertThat(divergences[0]).isZero();
            for (int v = 1; v < variants.size(); v++) {
                Linear layer = other.linears().get(v - 1);
                QuantizedMatrix before = layer.weight();
                layer.replace(variants.get(v).get(layer.name()));
                double expected = Evaluation.evaluate(other, model, 1, tokens.ids(), CONTEXT, Workers.serial())
                        .comparison()
                        .divergence();
                layer.replace(before);
                assertThat(divergences[v]).isPositive().isCloseTo(expected, within(1e-12));
            }
        }
    }

    @Test
    void spreadTakesWholeWindowsFromAllOverTheText() {
        int[] ids = new int[100];
        for (int t = 0; t < ids.length; t++) {
            ids[t] = t;
        }
        CalibrationTokens some = new CalibrationTokens(0, ids, 11).spread(35);
        assertThat(some.ids()).hasSize(30).startsWith(0, 1, 2).contains(30, 39, 60, 69);
        assertThat(new CalibrationTokens(0, ids, 11).spread(3).ids()).hasSize(10);
        assertThat(new CalibrationTokens(0, ids, 11).spread(1000).ids()).isEqualTo(ids);
    }

    @Test
    void refusesWhatTheModelCannotRead() {
        try (Transformer model = models().findFirst().orElseThrow().load(folder)) {
            for (CalibrationTokens bad : List.of(
                    new CalibrationTokens(1, new int[] {1, 17}, CONTEXT),
                    new CalibrationTokens(1, new int[] {-1}, CONTEXT),
                    new CalibrationTokens(1, new int[] {1}, 17))) {
                assertThatThrownBy(() -> new Statistics(model, bad, Workers.serial()))
                        .isInstanceOf(InvalidRequestException.class);
            }
            assertThatThrownBy(() -> new CalibrationTokens(1, new int[0], CONTEXT))
                    .isInstanceOf(InvalidRequestException.class);
            assertThatThrownBy(() -> new CalibrationTokens(1, new int[1], 1))
                    .isInstanceOf(InvalidRequestException.class);
        }
    }
}
