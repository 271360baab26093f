package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.SharedMatrices;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Real weights: what the method makes of a budget against rounding to the ranges of groups of 32 in at most as many bits. */
class SharedModelsGoldenTest {
    private static final int GROUP = 32;

    /** Half floats for scales and two bits for zero points on groups of 32 are 2.5625 bits; the rest is for short last groups. */
    private static final double BITS = 2.75;

    /** Beyond it only where a model has nothing smaller, and then its smallest matrix. */
    private static final long LARGEST = 100_000;

    static List<Path> models() {
        return SharedData.models();
    }

    @ParameterizedTest
    @MethodSource("models")
    void betterThanRoundingToTheRange(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            List<String> names = SharedMatrices.upTo(LARGEST, checkpoint);
            String name = names.get(names.size() / 2);
            try (FloatMatrix w = checkpoint.matrix(name);
                    FloatMatrix left = FloatMatrix.allocate(w.rows(), w.columns())) {
                QuantizedMatrix q = Int2Lrec.builder()
                        .maxRank(8)
                        .bitsPerWeight(BITS)
                        .build()
                        .compress(name, w, Importance.uniform(), Workers.serial());
                assertThat(q.bitsPerWeight()).isLessThanOrEqualTo(BITS);
                q.dequantize(0, left, Workers.serial());
                double ours = Norms.squaredDifference(w, left, Workers.serial());
                RoundToNearest.quantize(w, GROUP, AffineGrid.of(2).scales(DType.F16), Workers.serial())
                        .matrix(DType.F16)
                        .dequantize(0, left, Workers.serial());
                double rounded = Norms.squaredDifference(w, left, Workers.serial());
                System.out.printf(
                        "%s %s at %s bits: %s, squared error %.3f of that of ranges%n",
                        model.getFileName(), name, BITS, q.format(), ours / rounded);
                // by how much depends on the weights
                assertThat(ours).isLessThan(rounded);
            }
        }
    }
}
