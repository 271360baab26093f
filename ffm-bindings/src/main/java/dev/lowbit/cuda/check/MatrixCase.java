package dev.lowbit.cuda.check;

import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.device.DeviceMatrix;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/**
 * A matrix of one format and shape: decoded to equal bits, whole and in part; multiplied both ways with several numbers of tokens, the least and the most of them twice.
 *
 * @param extreme with scales at the ends of their range
 */
record MatrixCase(String format, int rows, int columns, boolean extreme) implements ParityCase {
    private static final int MOST = 17;
    private static final int[] TOKENS = {1, 2, 3, 16, MOST};
    private static final int[] TOKENS_OF_LARGE = {1, 3, MOST};
    private static final int LARGE = 1 << 13;

    @Override
    public String name() {
        return format + " " + rows + " x " + columns + (extreme ? ", extreme scales" : "");
    }

    @Override
    public String toString() {
        return name();
    }

    @Override
    public double run(CudaDevice device) {
        QuantizedMatrix host = Samples.matrix(format, rows, columns, extreme);
        Reference reference = Reference.of(host);
        try (DeviceMatrix placed = device.place(host)) {
            if (!decodesEqually(host, placed)) {
                return Double.POSITIVE_INFINITY;
            }
            double worst = 0;
            for (int tokens : rows * columns < LARGE ? TOKENS : TOKENS_OF_LARGE) {
                FloatMatrix x = Samples.normal(tokens, columns, tokens);
                FloatMatrix y = zeros(tokens, rows);
                placed.multiply(x, y, Workers.serial());
                worst = Math.max(worst, reference.error(x, y));
                FloatMatrix from = Samples.normal(tokens, rows, tokens);
                FloatMatrix to = zeros(tokens, columns);
                placed.multiplyTransposed(from, to, Workers.serial());
                worst = Math.max(worst, reference.transposedError(from, to));
                if (tokens == 1 || tokens == MOST) {
                    FloatMatrix again = zeros(tokens, rows);
                    FloatMatrix toAgain = zeros(tokens, columns);
                    placed.multiply(x, again, Workers.serial());
                    placed.multiplyTransposed(from, toAgain, Workers.serial());
                    if (!sameBits(y, again) || !sameBits(to, toAgain)) {
                        return Double.POSITIVE_INFINITY;
                    }
                }
            }
            return worst;
        }
    }

    private boolean decodesEqually(QuantizedMatrix host, DeviceMatrix placed) {
        float[] all = Reference.decoded(host);
        if (!sameBits(all, Reference.decoded(placed))) {
            return false;
        }
        int from = rows / 3;
        int count = Math.max(1, rows / 2);
        FloatMatrix some = zeros(count, columns);
        placed.dequantize(from, some, Workers.serial());
        return sameBits(Arrays.copyOfRange(all, from * columns, (from + count) * columns), some.toArray());
    }

    private static FloatMatrix zeros(int rows, int columns) {
        return FloatMatrix.wrap(rows, columns, new float[rows * columns]);
    }

    private static boolean sameBits(FloatMatrix a, FloatMatrix b) {
        return sameBits(a.toArray(), b.toArray());
    }

    private static boolean sameBits(float[] a, float[] b) {
        for (int i = 0; i < a.length; i++) {
            if (Float.floatToRawIntBits(a[i]) != Float.floatToRawIntBits(b[i])) {
                return false;
            }
        }
        return true;
    }
}
