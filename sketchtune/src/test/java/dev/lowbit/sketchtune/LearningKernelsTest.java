package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The SIMD verbs give the bits of the scalar ones at awkward lengths, offsets and values, ties among them. */
@Tag("kernels")
class LearningKernelsTest {
    private final LearningKernels scalar = new ScalarLearningKernels();
    private final LearningKernels vector = new VectorLearningKernels();
    private final Random random = new Random(7);

    @Test
    void bestStart() {
        for (int n = 1; n < 90; n++) {
            double[] zeroth = new double[n + 1];
            double[] first = new double[n + 1];
            double[] before = new double[n + 1];
            for (int i = 0; i <= n; i++) {
                zeroth[i] = i == 0 ? 0 : zeroth[i - 1] + 1 + random.nextInt(2);
                first[i] = i == 0 ? 0 : first[i - 1] + random.nextInt(3) - 1;
                // few different values, so that several starts are equally good
                before[i] = random.nextInt(3);
            }
            for (int least = 0; least < n; least += 1 + random.nextInt(4)) {
                int most = least + random.nextInt(n - least);
                assertThat(vector.bestStart(before, zeroth, first, n, least, most))
                        .isEqualTo(scalar.bestStart(before, zeroth, first, n, least, most));
            }
        }
    }

    @Test
    void scatter() {
        for (int count = 1; count < 12; count++) {
            float[] values = new float[LearningKernels.RUN + 3];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            int[] places = new int[count + 2];
            for (int i = 0; i < places.length; i++) {
                places[i] = random.nextInt(4) * LearningKernels.RUN;
            }
            float[] expected = new float[4 * LearningKernels.RUN];
            float[] actual = expected.clone();
            scalar.scatter(values, 3, places, 1, count, expected);
            vector.scatter(values, 3, places, 1, count, actual);
            assertThat(actual).isEqualTo(expected);
        }
    }
}
