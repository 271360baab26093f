package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.method.Tunable;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * EMEF (INT2.1, arXiv 2306.08162): tuning a correction over a packed base against tuning it over the same base in 16 bits, the bytes of
 * everything that lives through a step counted on the objects of a real one. The linear layers of a Llama of hidden size 2048, feed-forward
 * size 5632 and two layers, rank 8.
 */
class TuningMemoryTest {
    private static final int HIDDEN = 2048;
    private static final int FEED_FORWARD = 5632;
    private static final int LAYERS = 2;
    private static final int RANK = 8;
    private static final int TOKENS = 4;
    private static final Workers SERIAL = Workers.serial();

    private final RandomStream random = RandomStream.of(1, "test", "memory");

    /** Bytes of a tuned matrix: frozen weights, trained values, their gradients and what the optimizer remembers of them. */
    private record Use(long frozen, long values, long gradients, long optimizer) {
        long total() {
            return frozen + values + gradients + optimizer;
        }

        Use plus(Use other) {
            return new Use(
                    frozen + other.frozen,
                    values + other.values,
                    gradients + other.gradients,
                    optimizer + other.optimizer);
        }
    }

    private FloatMatrix gaussian(int rows, int columns) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        random.fillGaussian(m);
        return m;
    }

    private static AffineMatrix packed(int rows, int columns) {
        AffineFormat format = (AffineFormat) MatrixFormats.parse("affine2-g128-f16");
        byte[] codes = new byte[rows * columns / 4];
        new Random(3).nextBytes(codes);
        float[] scales = new float[format.groups(rows, columns)];
        Arrays.fill(scales, 0.5f);
        byte[] zeros = new byte[scales.length];
        Arrays.fill(zeros, (byte) 1);
        return AffineMatrix.of(
                rows,
                columns,
                format,
                MemorySegment.ofArray(codes),
                new EncodedScales(scales, new byte[0], new float[0], 0f),
                zeros,
                new int[0]);
    }

    /** One step of tuning the correction of a base. */
    private Use step(QuantizedMatrix base) {
        SumMatrix matrix = SumMatrix.of(
                base,
                DenseMatrix.of(gaussian(RANK, base.rows()), DType.F16),
                DenseMatrix.of(gaussian(RANK, base.columns()), DType.F16));
        try (Tunable tunable =
                        Tunable.of(matrix, Tunable.Extent.LOW_RANK, SERIAL).orElseThrow();
                Adam adam = new Adam(Adam.Settings.standard())) {
            FloatMatrix x = gaussian(TOKENS, base.columns());
            FloatMatrix y = gaussian(TOKENS, base.rows());
            tunable.matrix().multiply(x, y, SERIAL);
            tunable.accumulate(x, y, SERIAL);
            long values = 0;
            long gradients = 0;
            for (Tunable.TrainablePart part : tunable.parts()) {
                adam.step(part.name(), part.values(), part.gradient(), 1e-3);
                values += part.values().segment().byteSize();
                gradients += part.gradient().segment().byteSize();
            }
            long optimizer = adam.moments().values().stream()
                    .mapToLong(moments -> moments.mean().segment().byteSize()
                            + moments.square().segment().byteSize())
                    .sum();
            return new Use(base.bytes(), values, gradients, optimizer);
        }
    }

    @Test
    void aPackedBaseTakesAQuarterOfTheMemory() {
        Use packed = new Use(0, 0, 0, 0);
        Use wide = packed;
        List<int[]> shapes = List.of(
                new int[] {HIDDEN, HIDDEN},
                new int[] {HIDDEN, HIDDEN},
                new int[] {HIDDEN, HIDDEN},
                new int[] {HIDDEN, HIDDEN},
                new int[] {FEED_FORWARD, HIDDEN},
                new int[] {FEED_FORWARD, HIDDEN},
                new int[] {HIDDEN, FEED_FORWARD});
        for (int[] shape : shapes) {
            AffineMatrix base = packed(shape[0], shape[1]);
            Use ofPacked = step(base);
            FloatMatrix floats = FloatMatrix.wrap(shape[0], shape[1], new float[shape[0] * shape[1]]);
            base.dequantize(0, floats, SERIAL);
            Use ofWide = step(DenseMatrix.of(floats, DType.BF16));
            for (int layer = 0; layer < LAYERS; layer++) {
                packed = packed.plus(ofPacked);
                wide = wide.plus(ofWide);
            }
        }
        System.out.printf(
                "tuning rank %d over 2 bits %s: %d bytes, over 16 bits %s: %d bytes, %.2f times as much%n",
                RANK, packed, packed.total(), wide, wide.total(), (double) wide.total() / packed.total());
        assertThat(wide.total()).isGreaterThanOrEqualTo(4 * packed.total());
    }
}
