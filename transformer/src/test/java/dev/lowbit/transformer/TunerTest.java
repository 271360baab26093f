package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.sum.FreshFactors;
import dev.lowbit.method.Tunable;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.tuning.Tuner;
import dev.lowbit.transformer.tuning.TuningResult;
import dev.lowbit.transformer.tuning.TuningSettings;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Steps whose gradient is no number; a frozen layer that overflows for a while makes them. */
class TunerTest {
    private static final int CONTEXT = 16;
    private static final int WINDOWS = 44;
    private static final Workers SERIAL = Workers.serial();

    @TempDir
    private Path folder;

    @Test
    void aGradientThatIsNoNumberTakesTheBestUpAgain() {
        TuningResult result = run(step -> step == 3);
        assertThat(result.after()).isLessThan(result.before());
        assertThat(result.step()).isGreaterThan(3);
    }

    @Test
    void whereNoGradientIsANumberNothingIsTuned() {
        // the second run goes on from the state of the first
        for (int run = 0; run < 2; run++) {
            assertThatThrownBy(() -> run(step -> true))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("none of 20 steps had a finite gradient");
        }
    }

    private TuningResult run(IntPredicate overflows) {
        int[] tokens = new int[WINDOWS * (CONTEXT - 1)];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = 2 + i * i % 7;
        }
        TuningSettings settings =
                new TuningSettings(Tunable.Extent.LOW_RANK, CONTEXT, 1, 2, 0, 0.05, Optional.empty(), 0);
        ModelShape shape = new ModelShape(12, 2, 4, 2, 6, 20, 17, CONTEXT);
        try (Transformer model = new SmallModels(shape, true, "silu", true, false, 7).load(folder)) {
            Map<String, Optional<String>> tuned = new HashMap<>();
            RandomStream random = RandomStream.of(3, "test", "factors");
            for (Linear layer : model.linears()) {
                if (!layer.name().contains("down_proj")) {
                    layer.replace(FreshFactors.add(layer.weight(), 2, random));
                    tuned.put(layer.name(), Optional.empty());
                }
            }
            Linear frozen = model.linears().stream()
                    .filter(layer -> layer.name().contains("down_proj"))
                    .findFirst()
                    .orElseThrow();
            QuantizedMatrix sound = frozen.weight();
            FloatMatrix huge = FloatMatrix.allocate(sound.rows(), sound.columns());
            for (int i = 0; i < huge.rows(); i++) {
                for (int j = 0; j < huge.columns(); j++) {
                    huge.set(i, j, 3e38f);
                }
            }
            QuantizedMatrix overflowing = DenseMatrix.of(huge, DType.F32);
            try (Tuner tuner = new Tuner(model, tuned, null, 1, tokens, settings, folder.resolve("state"), SERIAL)) {
                return tuner.run(step -> frozen.replace(overflows.test(step) ? overflowing : sound));
            }
        }
    }
}
