package dev.lowbit.cuda.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.codebook.NormalFloat;
import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PlacedMatrixTest {
    private static final int ROWS = 70;
    private static final int COLUMNS = 128;

    private static FloatMatrix random(int rows, int columns) {
        Random random = new Random(rows);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return FloatMatrix.wrap(rows, columns, values);
    }

    private static BlockMatrix block() {
        return BlockQuantizer.quantize(random(ROWS, COLUMNS), BlockFormat.parse("nf4-g64-f16"), Workers.serial());
    }

    private static SumMatrix sum() {
        return SumMatrix.of(
                block(), DenseMatrix.of(random(5, ROWS), DType.BF16), DenseMatrix.of(random(5, COLUMNS), DType.BF16));
    }

    private static long launches(Runnable work) {
        long before = FakeCuda.launches();
        work.run();
        return FakeCuda.launches() - before;
    }

    @Test
    void aProductIsOneLaunchAndALowRankTermOneMore() {
        try (FakeCuda fake = FakeCuda.open()) {
            Placement placement = new Placement(fake.library());
            PlacedMatrix block = placement.place(block());
            PlacedMatrix sum = placement.place(sum());
            for (int tokens : new int[] {1, 3, 16, 17}) {
                FloatMatrix x = random(tokens, COLUMNS);
                FloatMatrix y = random(tokens, ROWS);
                int batches = Math.ceilDiv(tokens, PlacedMatrix.MOST_TOKENS);
                assertThat(launches(() -> block.multiply(x, y, Workers.serial())))
                        .isEqualTo(batches);
                assertThat(launches(() -> sum.multiply(x, y, Workers.serial()))).isEqualTo(2 * batches);
            }
        }
    }

    @Test
    void aSecondProductOfThatSizeTakesNoMemory() {
        try (FakeCuda fake = FakeCuda.open()) {
            PlacedMatrix sum = new Placement(fake.library()).place(sum());
            FloatMatrix x = random(17, COLUMNS);
            FloatMatrix y = random(17, ROWS);
            sum.multiply(x, y, Workers.serial());
            sum.multiplyTransposed(y, x, Workers.serial());
            long bytes = FakeCuda.liveBytes();
            sum.multiply(x, y, Workers.serial());
            sum.multiplyTransposed(y, x, Workers.serial());
            assertThat(FakeCuda.liveBytes()).isEqualTo(bytes);
        }
    }

    @Test
    void memoryOfTheDeviceGivesWhatHostMemoryGives() {
        try (FakeCuda fake = FakeCuda.open();
                DeviceMemory x = fake.cuda().allocate(17L * COLUMNS * Float.BYTES);
                DeviceMemory y = fake.cuda().allocate(17L * ROWS * Float.BYTES)) {
            PlacedMatrix matrix = new Placement(fake.library()).place(sum());
            FloatMatrix inputs = random(17, COLUMNS);
            FloatMatrix expected = random(17, ROWS);
            matrix.multiply(inputs, expected, Workers.serial());
            x.write(inputs.segment());
            matrix.multiply(x, 17, y, fake.cuda().stream());
            float[] outputs = new float[17 * ROWS];
            y.read(MemorySegment.ofArray(outputs));
            assertThat(outputs).isEqualTo(expected.toArray());

            FloatMatrix back = random(17, COLUMNS);
            matrix.multiplyTransposed(expected, back, Workers.serial());
            matrix.multiplyTransposed(y, 17, x, fake.cuda().stream());
            float[] transposed = new float[17 * COLUMNS];
            x.read(MemorySegment.ofArray(transposed));
            assertThat(transposed).isEqualTo(back.toArray());
            assertThatThrownBy(() -> matrix.multiply(x, 18, y, fake.cuda().stream()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("X has 8704 bytes; 18 x 128 floats need more");
        }
    }

    @Test
    void weightsThatAreNoNumbersAreNamed() {
        try (FakeCuda fake = FakeCuda.open()) {
            FloatMatrix weights = random(3, 5);
            weights.set(1, 4, Float.NaN);
            DeviceQuantizer quantizer = new DeviceQuantizer(fake.library());
            assertThatThrownBy(() -> quantizer.block(weights, BlockFormat.parse("nf4-g64-f16"), NormalFloat.of(4)))
                    .isInstanceOf(NonFiniteWeightException.class)
                    .hasMessageContaining("row 1, column 4");
        }
    }
}
