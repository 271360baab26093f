package dev.lowbit.jobs.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SyntheticCheckpointTest {
    private static final SyntheticModel TINY = new SyntheticModel(2, 24, 40, 4, 2, 32, DType.F32, 4096);

    @TempDir
    private Path folder;

    @Test
    void sameBytesForAnyThreadsAndOtherBytesForAnotherSeed() {
        try (WorkerPool pool = new WorkerPool(3)) {
            SyntheticCheckpoint.write(folder.resolve("serial"), TINY, 7, Workers.serial());
            SyntheticCheckpoint.write(folder.resolve("pool"), TINY, 7, pool.workers());
            SyntheticCheckpoint.write(folder.resolve("other"), TINY, 8, pool.workers());
        }
        assertThat(digest("pool")).isEqualTo(digest("serial"));
        assertThat(digest("other")).isNotEqualTo(digest("serial"));
    }

    private String digest(String name) {
        try (Checkpoint checkpoint = Checkpoint.open(folder.resolve(name))) {
            return checkpoint.digest();
        }
    }

    @Test
    void isACompleteShardedLlama() {
        long weights = SyntheticCheckpoint.write(folder, TINY, 1, Workers.serial());
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            assertThat(checkpoint.warnings()).isEmpty();
            assertThat(checkpoint.files()).hasSizeGreaterThan(1);
            assertThat(checkpoint.names()).hasSize(2 * 9 + 3);
            assertThat(checkpoint.info("model.layers.1.self_attn.k_proj.weight").shape())
                    .isEqualTo(List.of(12L, 24L));
            assertThat(checkpoint.names().stream()
                            .mapToLong(name -> checkpoint.info(name).elements())
                            .sum())
                    .isEqualTo(weights);
            assertThat(checkpoint.config().orElseThrow().architectures()).containsExactly("LlamaForCausalLM");
        }
    }

    /**
     * Heavier tails than normal (kurtosis 3; trained attention matrices of GPT-2 have 4 to 193), a variance of a few 1/columns,
     * and a few columns that stand out.
     */
    @Test
    void looksTrained() {
        try (FloatMatrix matrix = FloatMatrix.allocate(256, 512)) {
            new SyntheticWeights(3).fill("m", matrix, Workers.serial());
            double second = 0;
            double fourth = 0;
            double[] columns = new double[512];
            for (int i = 0; i < 256; i++) {
                for (int j = 0; j < 512; j++) {
                    double square = (double) matrix.get(i, j) * matrix.get(i, j);
                    second += square;
                    fourth += square * square;
                    columns[j] += square;
                }
            }
            double variance = second / matrix.size();
            assertThat(fourth / matrix.size() / (variance * variance)).isBetween(5.0, 193.0);
            assertThat(variance * 512).isBetween(1.0, 4.0);
            double median = java.util.Arrays.stream(columns).sorted().toArray()[256];
            assertThat(java.util.Arrays.stream(columns)
                            .filter(c -> c > 8 * median)
                            .count())
                    .isBetween(1L, 4L);
        }
    }

    @Test
    void largeModelFillsTheBytesAskedFor() {
        SyntheticModel model = SyntheticModel.large(4L << 30);
        assertThat(model.layers()).isEqualTo(23);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new SyntheticModel(1, 24, 40, 5, 1, 32, DType.F32, 4096))
                .withMessageContaining("5 heads");
    }
}
