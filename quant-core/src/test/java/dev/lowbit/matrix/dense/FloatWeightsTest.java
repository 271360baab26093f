package dev.lowbit.matrix.dense;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a float matrix becomes for {@link Accuracy#FAST}: 16 bits where these lose nothing, itself elsewhere. */
class FloatWeightsTest {
    private static FloatWeights weights(float size) {
        Random random = new Random(7);
        float[] values = new float[12 * 20];
        for (int i = 0; i < values.length; i++) {
            values[i] = size * random.nextInt(-128, 128);
        }
        return new FloatWeights(FloatMatrix.wrap(12, 20, values));
    }

    @ParameterizedTest
    @CsvSource({"1, bf16", "1e-30, f32", "0x1p-100, bf16", "0x1p-2, bf16"})
    void isKeptInAsManyBitsAsItTakes(String size, String format) {
        FloatWeights floats = weights(Float.parseFloat(size));
        QuantizedMatrix fast = floats.prepare(Accuracy.FAST, Workers.serial());
        assertThat(fast.format()).isEqualTo(format);
        assertThat(floats.prepare(Accuracy.EXACT, Workers.serial())).isSameAs(floats);
        FloatMatrix decoded = FloatMatrix.wrap(12, 20, new float[240]);
        fast.dequantize(0, decoded, Workers.serial());
        assertThat(decoded.toArray()).isEqualTo(floats.values().toArray());
    }

    @Test
    void halvesThatAreNotBf16AreF16() {
        FloatWeights floats = weights(1);
        floats.values().set(3, 4, 1 + 0x1p-10f);
        assertThat(floats.prepare(Accuracy.FAST, Workers.serial()).format()).isEqualTo("f16");
        floats.values().set(11, 19, 1 + 0x1p-20f);
        assertThat(floats.prepare(Accuracy.FAST, Workers.serial())).isSameAs(floats);
    }
}
