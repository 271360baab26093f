package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.method.Tunable;
import dev.lowbit.method.Tunable.TrainablePart;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Low-rank factors on frozen quantized matrices, tuned as a fine-tuning job would. */
class TuningTest {
    private static final int RANK = 2;
    private static final int STEPS = 40;
    private static final double BOUND = 0.5;
    private static final Workers SERIAL = Workers.serial();

    private final TokenBatch batch =
            TokenBatch.of(new int[] {1, 4, 2, 8, 5, 7, 1, 4, 2, 8, 5, 7}, new int[] {3, 1, 4, 1, 5, 9, 2, 6});

    private static Transformer load(Path folder) {
        return new SmallModels(new ModelShape(12, 2, 4, 2, 6, 20, 17, 16), true, "silu", true, false, 7).load(folder);
    }

    /** Quantizes every linear layer and puts factors on it: one of them zero, so that the start is the quantized model. */
    private static Map<String, Tunable> quantizeWithFactors(Transformer model) {
        Map<String, Tunable> tunables = new LinkedHashMap<>();
        RandomStream random = RandomStream.of(3, "test", "factors");
        for (Linear linear : model.linears()) {
            QuantizedMatrix weight = linear.weight();
            FloatMatrix values =
                    FloatMatrix.wrap(weight.rows(), weight.columns(), new float[weight.rows() * weight.columns()]);
            weight.dequantize(0, values, SERIAL);
            FloatMatrix left = FloatMatrix.wrap(RANK, weight.rows(), new float[RANK * weight.rows()]);
            FloatMatrix right = FloatMatrix.wrap(RANK, weight.columns(), new float[RANK * weight.columns()]);
            random.fillGaussian(right);
            SumMatrix sum = SumMatrix.of(
                    BlockQuantizer.quantize(values, BlockFormat.parse("nf2-g16-f16"), SERIAL),
                    DenseMatrix.of(left, DType.F32),
                    DenseMatrix.of(right, DType.F32));
            Tunable tunable = Tunable.of(sum, Tunable.Extent.LOW_RANK, SERIAL).orElseThrow();
            linear.replace(tunable.matrix());
            tunables.put(linear.name(), tunable);
        }
        return tunables;
    }

    private static List<FloatMatrix> gradients(Map<String, Tunable> tunables) {
        List<FloatMatrix> all = new ArrayList<>();
        tunables.values().forEach(tunable -> tunable.parts().forEach((TrainablePart part) -> all.add(part.gradient())));
        return all;
    }

    private static void clear(Map<String, Tunable> tunables) {
        gradients(tunables).forEach(gradient -> gradient.segment().fill((byte) 0));
    }

    @Test
    void theLossFallsAndTheStoredFormKeepsIt(@TempDir Path folder) {
        try (Transformer model = load(folder);
                Workspace space = new Workspace();
                Adam adam = new Adam(Adam.Settings.standard())) {
            Map<String, Tunable> tunables = quantizeWithFactors(model);
            CrossEntropy loss = CrossEntropy.nextToken(batch);
            double before = model.loss(batch, loss, space, SERIAL);
            for (int step = 0; step < STEPS; step++) {
                clear(tunables);
                model.backward(batch, loss, new TunableGradients(tunables), space, SERIAL);
                double norm = GradientClipping.clip(gradients(tunables), BOUND);
                double clipped = GradientClipping.clip(gradients(tunables), Double.MAX_VALUE);
                // each gradient is rounded once when scaled
                assertThat(clipped).isCloseTo(Math.min(norm, BOUND), within(1e-6));
                tunables.forEach((name, tunable) -> tunable.parts()
                        .forEach(part -> adam.step(name + part.name(), part.values(), part.gradient(), 0.01)));
            }
            double after = model.loss(batch, loss, space, SERIAL);
            assertThat(after).isLessThan(before / 2);
            model.linears()
                    .forEach(
                            linear -> linear.replace(tunables.get(linear.name()).stored(SERIAL)));
            // F32 factors are stored as they are; the products only may be summed in another order
            assertThat(model.loss(batch, loss, space, SERIAL)).isCloseTo(after, within(1e-5));
            tunables.values().forEach(Tunable::close);
        }
    }

    @Test
    void lossAndGradientsHaveTheSameBitsForAnyWorkers(@TempDir Path folder) {
        try (Transformer model = load(folder);
                Workspace space = new Workspace()) {
            Map<String, Tunable> tunables = quantizeWithFactors(model);
            CrossEntropy loss = CrossEntropy.nextToken(batch);
            TunableGradients sink = new TunableGradients(tunables);
            double expected = model.backward(batch, loss, sink, space, SERIAL);
            List<float[]> first =
                    gradients(tunables).stream().map(FloatMatrix::toArray).toList();
            for (int threads : new int[] {2, 3}) {
                clear(tunables);
                try (ExecutorService executor = Executors.newFixedThreadPool(threads)) {
                    Workers workers = Workers.on(executor, threads);
                    assertThat(model.backward(batch, loss, sink, space, workers))
                            .isEqualTo(expected);
                }
                List<FloatMatrix> again = gradients(tunables);
                for (int i = 0; i < first.size(); i++) {
                    assertThat(again.get(i).toArray()).isEqualTo(first.get(i));
                }
            }
            tunables.values().forEach(Tunable::close);
        }
    }
}
