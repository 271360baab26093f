package dev.lowbit.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kernels")
class DecodedProductsTest {
    private static FloatMatrix random(int rows, int columns, Random random) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return FloatMatrix.wrap(rows, columns, values);
    }

    private static float[] transposed(QuantizedMatrix matrix, FloatMatrix y, Workers workers) {
        float[] x = new float[y.rows() * matrix.columns()];
        DecodedProducts.multiplyTransposed(matrix, y, FloatMatrix.wrap(y.rows(), matrix.columns(), x), workers);
        return x;
    }

    /** A few tokens are multiplied another way than many, in the same order of additions. */
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 70", "7, 33", "9, 64", "255, 17", "256, 40", "257, 40", "600, 130"})
    void aTokenHasTheSameBitsAloneAndAmongMany(int rows, int columns) {
        Random random = new Random(rows);
        BlockFormat format = (BlockFormat) MatrixFormats.parse("nf3-g16-f16");
        QuantizedMatrix matrix = BlockQuantizer.quantize(random(rows, columns, random), format, Workers.serial());
        int tokens = DecodedProducts.FEW_TOKENS + 3;
        FloatMatrix y = random(tokens, rows, random);
        float[] ofAll = transposed(matrix, y, Workers.serial());
        try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
            for (int few = 1; few <= DecodedProducts.FEW_TOKENS; few++) {
                float[] ofFew = transposed(matrix, y.rows(1, few), Workers.on(executor, 3));
                assertThat(ofFew).isEqualTo(Arrays.copyOfRange(ofAll, columns, (1 + few) * columns));
            }
        }
    }
}
