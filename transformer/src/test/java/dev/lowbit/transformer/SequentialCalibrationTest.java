package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import dev.lowbit.transformer.calibration.SequentialCalibration;
import dev.lowbit.transformer.calibration.ShiftedInputs;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The inputs behind compressed layers against a second model in which those layers were exchanged by hand. */
@Tag("kernels")
class SequentialCalibrationTest {
    private static final int CONTEXT = 7;

    @TempDir
    private Path folder;

    static Stream<SmallModels> models() {
        return Stream.of(
                new SmallModels(new ModelShape(12, 2, 4, 2, 6, 20, 17, 16), true, "silu", true, false, 1),
                new SmallModels(new ModelShape(10, 2, 2, 2, 5, 14, 13, 16), false, "gelu", true, true, 4));
    }

    private static CalibrationTokens tokens(int vocabulary) {
        int[] ids = new int[3 * (CONTEXT - 1) + 2];
        for (int t = 0; t < ids.length; t++) {
            ids[t] = (t * t + 3 * t + 1) % vocabulary;
        }
        return new CalibrationTokens(1, ids, CONTEXT);
    }

    /** Weights on a coarse grid: what any method would give, for this purpose. */
    private static FloatMatrix coarse(Linear layer) {
        FloatMatrix weights =
                FloatMatrix.allocate(layer.weight().rows(), layer.weight().columns());
        layer.weight().dequantize(0, weights, Workers.serial());
        for (int i = 0; i < weights.rows(); i++) {
            for (int j = 0; j < weights.columns(); j++) {
                weights.set(i, j, Math.round(weights.get(i, j) * 4) / 4f);
            }
        }
        return weights;
    }

    private record Copy(float[] moment, float[] shift) {}

    private static Map<String, Copy> run(Transformer model, CalibrationTokens tokens, String skip, Workers workers) {
        Map<String, Copy> all = new LinkedHashMap<>();
        Map<Linear, float[]> before = new LinkedHashMap<>();
        model.linears().forEach(layer -> before.put(layer, floats(layer)));
        List<Long> progress = new ArrayList<>();
        SequentialCalibration.run(
                model,
                tokens,
                (layer, inputs) -> {
                    if (layer.name().contains(skip)) {
                        return Optional.empty();
                    }
                    ShiftedInputs measured = inputs.get();
                    assertThat(inputs.get()).isSameAs(measured);
                    all.put(
                            layer.name(),
                            new Copy(
                                    measured.secondMoment().toArray(),
                                    measured.shift().toArray()));
                    return Optional.of(coarse(layer));
                },
                progress::add,
                workers);
        before.forEach((layer, weights) -> assertThat(floats(layer)).isEqualTo(weights));
        assertThat(progress).isSorted().endsWith(SequentialCalibration.passes(model, tokens, workers));
        return all;
    }

    private static float[] floats(Linear layer) {
        return ((FloatWeights) layer.weight()).values().toArray();
    }

    @ParameterizedTest
    @MethodSource("models")
    void areThoseOfTheModelWithAllLayersBeforeExchanged(SmallModels small) {
        String skip = "q_proj";
        try (Transformer model = small.load(folder);
                Transformer student = small.load(folder);
                Workspace one = new Workspace();
                Workspace two = new Workspace()) {
            CalibrationTokens tokens = tokens(model.shape().vocabulary());
            Map<String, Copy> actual = run(model, tokens, skip, Workers.serial());
            List<String> names = model.linears().stream().map(Linear::name).toList();
            assertThat(actual.keySet())
                    .containsExactlyElementsOf(
                            names.stream().filter(name -> !name.contains(skip)).toList());
            TokenBatch batch =
                    TokenBatch.windows(tokens.beginning(), tokens.ids(), 0, tokens.ids().length, CONTEXT - 1);
            Map<String, FloatMatrix> expected = new LinkedHashMap<>();
            model.forward(batch, one, (layer, x) -> expected.put(layer.name(), copy(x)), Workers.serial());
            for (Linear layer : student.linears()) {
                Map<String, FloatMatrix> changed = new LinkedHashMap<>();
                // layers with the same inputs see the same, whether those before them are exchanged or not
                student.forward(batch, two, (l, x) -> changed.put(l.name(), copy(x)), Workers.serial());
                if (actual.containsKey(layer.name())) {
                    check(layer.name(), actual.get(layer.name()), expected, changed);
                    layer.replace(new FloatWeights(coarse(layer)));
                }
            }
        }
    }

    private static FloatMatrix copy(FloatMatrix x) {
        return FloatMatrix.wrap(x.rows(), x.columns(), x.toArray());
    }

    private static void check(
            String name, Copy actual, Map<String, FloatMatrix> expected, Map<String, FloatMatrix> changed) {
        FloatMatrix x = expected.get(name);
        FloatMatrix y = changed.get(name);
        int n = x.columns();
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double moment = 0;
                double shift = 0;
                double momentSize = 0;
                double shiftSize = 0;
                for (int t = 0; t < x.rows(); t++) {
                    double difference = (double) x.get(t, i) - y.get(t, i);
                    moment += (double) y.get(t, i) * y.get(t, j);
                    shift += difference * y.get(t, j);
                    momentSize += Math.abs(y.get(t, i) * y.get(t, j));
                    // the difference itself is rounded to a float
                    shiftSize += Math.abs(difference * y.get(t, j));
                }
                assertThat((double) actual.moment[i * n + j])
                        .as(name)
                        .isCloseTo(moment / x.rows(), within(0x1p-22 * momentSize / x.rows()));
                assertThat((double) actual.shift[i * n + j])
                        .as(name)
                        .isCloseTo(shift / x.rows(), within(0x1p-22 * shiftSize / x.rows()));
            }
        }
    }

    @Test
    void theFirstLayersSeeWhatTheyAlwaysSaw() {
        try (Transformer model = models().findFirst().orElseThrow().load(folder)) {
            Map<String, Copy> all = run(model, tokens(17), "none", Workers.serial());
            assertThat(all.get("model.layers.0.self_attn.k_proj.weight").shift).containsOnly(0);
            assertThat(all.get("model.layers.0.self_attn.o_proj.weight").shift).isNotEqualTo(new float[24 * 24]);
        }
    }

    @Test
    void threadsChangeNoBit() {
        try (ExecutorService executor = Executors.newFixedThreadPool(2);
                Transformer model = models().findFirst().orElseThrow().load(folder)) {
            Map<String, Copy> one = run(model, tokens(17), "none", Workers.serial());
            Map<String, Copy> three = run(model, tokens(17), "none", Workers.on(executor, 3));
            one.forEach((name, copy) -> {
                assertThat(three.get(name).moment).isEqualTo(copy.moment);
                assertThat(three.get(name).shift).isEqualTo(copy.shift);
            });
        }
    }

    /** A failure half way leaves the model as it was. */
    @Test
    void aFailurePutsTheModelBack() {
        try (Transformer model = models().findFirst().orElseThrow().load(folder)) {
            Map<String, float[]> before = new LinkedHashMap<>();
            model.linears().forEach(layer -> before.put(layer.name(), floats(layer)));
            SequentialCalibration.Compression failing = (Linear layer, Supplier<ShiftedInputs> inputs) -> {
                if (layer.name().endsWith("layers.1.mlp.up_proj.weight")) {
                    inputs.get();
                    throw new IllegalStateException("stop");
                }
                return Optional.of(coarse(layer));
            };
            assertThatThrownBy(
                            () -> SequentialCalibration.run(model, tokens(17), failing, done -> {}, Workers.serial()))
                    .hasMessage("stop");
            model.linears().forEach(layer -> assertThat(floats(layer)).isEqualTo(before.get(layer.name())));
        }
    }
}
