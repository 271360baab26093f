package dev.lowbit.linalg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.tensor.FloatMatrix;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RandomStreamTest {
    @Test
    void drawsArePinnedForEver() {
        RandomStream random = RandomStream.of(42, "sketch", "model.layers.0.mlp.up_proj.weight");
        // Computed apart from this code, by a few lines of Python.
        assertThat(random.nextLong()).isEqualTo(9182754460215644784L);
        assertThat(random.nextLong()).isEqualTo(-7614686989509102079L);
        assertThat(random.nextDouble()).isEqualTo(0.7193122239310773);
        assertThat(random.nextGaussian()).isEqualTo(0.046157590033674895);
        assertThat(random.nextGaussian()).isEqualTo(2.048123698722999);
    }

    @Test
    void normalsComeInPairsAndOtherDrawsDoNotDisturbTheKeptOne() {
        RandomStream pairs = RandomStream.of(1, "p", "t");
        double first = pairs.nextGaussian();
        double second = pairs.nextGaussian();
        RandomStream mixed = RandomStream.of(1, "p", "t");
        assertThat(mixed.nextGaussian()).isEqualTo(first);
        mixed.nextLong();
        assertThat(mixed.nextGaussian()).isEqualTo(second);
        FloatMatrix filled = FloatMatrix.wrap(1, 2, new float[2]);
        RandomStream.of(1, "p", "t").fillGaussian(filled);
        assertThat(filled.toArray()).containsExactly((float) first, (float) second);
    }

    @Test
    void seedPurposeAndTensorEachChangeTheStream() {
        Set<Long> starts = new HashSet<>();
        for (RandomStream random : new RandomStream[] {
            RandomStream.of(1, "a", "b"),
            RandomStream.of(2, "a", "b"),
            RandomStream.of(1, "b", "b"),
            RandomStream.of(1, "a", "c"),
            RandomStream.of(1, "", "ab"),
            RandomStream.of(1, "ab", ""),
            RandomStream.of(1, "ü", "漢"),
        }) {
            starts.add(random.nextLong());
        }
        assertThat(starts).hasSize(7);
    }

    @Test
    void normalsHaveTheMomentsOfNormals() {
        RandomStream random = RandomStream.of(3, "moments", "");
        int n = 200_000;
        double[] moments = new double[5];
        for (int i = 0; i < n; i++) {
            double x = random.nextGaussian();
            for (int p = 1; p <= 4; p++) {
                moments[p] += Math.pow(x, p) / n;
            }
        }
        // Five standard errors of a mean of x^p: sqrt(var(x^p) / n) with var = 1, 2, 15, 96.
        assertThat(moments[1]).isCloseTo(0, within(5 * Math.sqrt(1.0 / n)));
        assertThat(moments[2]).isCloseTo(1, within(5 * Math.sqrt(2.0 / n)));
        assertThat(moments[3]).isCloseTo(0, within(5 * Math.sqrt(15.0 / n)));
        assertThat(moments[4]).isCloseTo(3, within(5 * Math.sqrt(96.0 / n)));
    }
}
