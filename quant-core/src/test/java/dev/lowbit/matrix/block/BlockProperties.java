package dev.lowbit.matrix.block;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** LQ-LoRA spec section 13, invariants of the quantizer. */
class BlockProperties {
    private static final int[] BITS = {2, 3, 4, 8};
    private static final int[] SCALE_BITS = {2, 3, 4, 8};
    private static final String[] TYPES = {"fp32", "bf16", "fp16"};

    private static BlockFormat format(int choice, int bits) {
        Random random = new Random(choice);
        String id = "nf" + bits + "-g" + (8 << random.nextInt(4)) + "-s" + SCALE_BITS[random.nextInt(4)] + "x"
                + (4 << random.nextInt(4)) + "-" + TYPES[random.nextInt(3)] + (random.nextBoolean() ? "-flat" : "");
        return BlockFormat.parse(id);
    }

    private static FloatMatrix weights(int seed, int rows, int columns) {
        Random random = new Random(seed);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            double tail = random.nextInt(50) == 0 ? 10 : 1;
            values[i] = (float) (random.nextGaussian() * tail);
        }
        return FloatMatrix.wrap(rows, columns, values);
    }

    private static BlockMatrix quantize(FloatMatrix weights, BlockFormat format) {
        return BlockQuantizer.quantize(weights, format, Workers.serial());
    }

    private static float[] dequantize(BlockMatrix matrix) {
        float[] out = new float[matrix.rows() * matrix.columns()];
        matrix.dequantize(0, FloatMatrix.wrap(matrix.rows(), matrix.columns(), out), Workers.serial());
        return out;
    }

    /** I1: no value exceeds its scale, and the error is at most half a gap, or what the scale clips. */
    @Property(tries = 200)
    void errorsAreBounded(
            @ForAll int seed,
            @ForAll @IntRange(min = 1, max = 20) int rows,
            @ForAll @IntRange(min = 1, max = 150) int columns,
            @ForAll @IntRange(max = 3) int width) {
        BlockFormat format = format(seed, BITS[width]);
        FloatMatrix weights = weights(seed, rows, columns);
        BlockMatrix matrix = quantize(weights, format);
        BlockGeometry geometry = format.geometry(rows, columns);
        float[] scales = matrix.scales().values();
        float[] values = dequantize(matrix);
        double halfGap = halfGap(matrix.codebook());
        for (int i = 0; i < values.length; i++) {
            double weight = weights.get(i / columns, i % columns);
            double scale = scales[geometry.blockOf(i)];
            double bound = scale * halfGap + Math.max(0, Math.abs(weight) - scale);
            assertThat((double) Math.abs(values[i])).isLessThanOrEqualTo(scale);
            // Division and product round once each.
            assertThat(Math.abs(weight - values[i])).isLessThanOrEqualTo(bound + 0x1p-22 * (scale + Math.abs(weight)));
        }
    }

    private static double halfGap(Codebook book) {
        double widest = 0;
        for (int code = 1; code < book.size(); code++) {
            widest = Math.max(widest, (double) book.value(code) - book.value(code - 1));
        }
        return widest / 2;
    }

    /** I2: the decoded values have the same codes under the same scales. */
    @Property(tries = 100)
    void decodedValuesKeepTheirCodes(@ForAll int seed, @ForAll @IntRange(max = 3) int width) {
        BlockFormat format = format(seed, BITS[width]);
        BlockMatrix matrix = quantize(weights(seed, 6, 96), format);
        BlockGeometry geometry = format.geometry(6, 96);
        float[] values = dequantize(matrix);
        float[] scales = matrix.scales().values();
        for (int i = 0; i < values.length; i++) {
            float scale = scales[geometry.blockOf(i)];
            int code = scale == 0
                    ? matrix.codebook().zeroCode()
                    : matrix.codebook().encode(values[i] / scale);
            assertThat(code).isEqualTo(matrix.code(i / 96, i % 96));
        }
    }

    /** I3: scaling by a power of two scales the result exactly (within the range of the super-scale's type). */
    @Property(tries = 100)
    void powersOfTwoPassThrough(@ForAll int seed, @ForAll @IntRange(min = -3, max = 3) int exponent) {
        BlockFormat format = format(seed, 3);
        FloatMatrix weights = weights(seed, 5, 64);
        float factor = Math.scalb(1f, exponent);
        float[] scaled = weights.toArray();
        for (int i = 0; i < scaled.length; i++) {
            scaled[i] *= factor;
        }
        float[] expected = dequantize(quantize(weights, format));
        for (int i = 0; i < expected.length; i++) {
            expected[i] *= factor;
        }
        assertThat(dequantize(quantize(FloatMatrix.wrap(5, 64, scaled), format)))
                .isEqualTo(expected);
    }

    /** I4: more bits, less error, on matrices large enough for the law of large numbers. */
    @Property(tries = 30)
    void moreBitsMeanLessError(@ForAll int seed) {
        FloatMatrix weights = weights(seed, 32, 128);
        double last = Double.POSITIVE_INFINITY;
        for (int bits = 2; bits <= 8; bits++) {
            double error =
                    BlockQuantizer.squaredError(weights, Importance.uniform(), format(seed, bits), Workers.serial());
            assertThat(error).isLessThan(last);
            last = error;
        }
    }

    /** I8: with sizes that divide, the stored bytes are the paper's formula plus the offset. */
    @Property(tries = 100)
    void bytesAreTheFormula(@ForAll @IntRange(max = 431) int index, @ForAll @IntRange(min = 1, max = 40) int rows) {
        BlockFormat format = BlockFormat.paperGrid().get(index);
        int columns = 64 * 256;
        assertThat(8 * format.bytes(rows, columns) - 8 * Float.BYTES)
                .isEqualTo((long) format.formulaBits((long) rows * columns));
    }
}
