package dev.lowbit.lqlora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.SharedMatrices;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Real weights: never worse than the best uniform NormalFloat format of at most the same bytes, at every budget. */
class SharedModelsGoldenTest {
    private static final double[] BUDGETS = {2.25, 2.5, 2.75, 3, 3.5, 4};
    private static final long SMALL = 150_000;
    /** Beyond it only where a model has nothing smaller, and then its smallest matrix. */
    private static final long LARGEST = 300_000;

    static List<Path> models() {
        return SharedData.models();
    }

    @ParameterizedTest
    @MethodSource("models")
    void neverWorseThanTheBestUniformFormatOfItsBytes(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            List<String> names = SharedMatrices.upTo(LARGEST, checkpoint);
            // Every k-th name, and a budget that goes round with it: the same ones in every build.
            boolean small =
                    names.stream().allMatch(name -> checkpoint.info(name).elements() <= SMALL);
            int step = Math.max(1, names.size() / (small ? 2 : 1));
            for (int i = step / 2; i < names.size(); i += step) {
                try (FloatMatrix w = checkpoint.matrix(names.get(i))) {
                    check(names.get(i), w, BUDGETS[(i + names.size()) % BUDGETS.length]);
                }
            }
        }
    }

    private static void check(String name, FloatMatrix w, double bits) {
        QuantizedMatrix q = LqLora.builder()
                .maxRank(8)
                .bitsPerWeight(bits)
                .build()
                .compress(name, w, Importance.uniform(), Workers.serial());
        assertThat(q.bitsPerWeight()).isLessThanOrEqualTo(bits);
        try (FloatMatrix decoded = FloatMatrix.allocate(w.rows(), w.columns())) {
            q.dequantize(0, decoded, Workers.serial());
            double error = Norms.squaredDifference(w, decoded, Workers.serial());
            // Pricing measures W - Q before rounding to what is decoded: 1e-6 covers it.
            assertThat(error)
                    .as("%s at %s bits: %s", name, bits, q.format())
                    .isLessThanOrEqualTo(LqLoraTest.bestUniform(w, q.bytes()) * (1 + 1e-6));
        }
    }
}
