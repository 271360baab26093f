package dev.lowbit.pvtuning;

import java.util.Arrays;

/**
 * A codebook turned for SIMD, its codewords side by side, each with an offset: the gain of codeword c for a point x is
 * {@code <x, c> - offset(c)}, one chain of fused multiply-adds that starts at -offset, coordinates ascending.
 *
 * <p>With half the square of a codeword as its offset, the largest gain is at the nearest codeword.
 */
final class CodewordLanes {
    /** Lanes of the widest vector of doubles; rows are padded to whole vectors by codewords of gain -infinity. */
    private static final int ROUND = 8;

    private final int dimensions;
    private final int entries;
    private final int stride;
    private final double[] lanes;
    private final double[] negatedOffsets;

    private CodewordLanes(int dimensions, int entries, double[] lanes) {
        this.dimensions = dimensions;
        this.entries = entries;
        this.stride = Math.ceilDiv(entries, ROUND) * ROUND;
        this.lanes = lanes == null ? new double[Math.multiplyExact(dimensions, stride)] : lanes;
        this.negatedOffsets = new double[stride];
        Arrays.fill(negatedOffsets, entries, stride, Double.NEGATIVE_INFINITY);
    }

    /** Some codewords with offsets of 0. */
    static CodewordLanes of(double[] codewords, int at, int entries, int dimensions) {
        CodewordLanes turned = new CodewordLanes(dimensions, entries, null);
        turned.load(codewords, at);
        return turned;
    }

    /** Some codewords, each with half its square as the offset. */
    static CodewordLanes nearest(double[] codewords, int at, int entries, int dimensions) {
        CodewordLanes turned = of(codewords, at, entries, dimensions);
        turned.setHalfSquares();
        return turned;
    }

    /** The same codewords, shared, with offsets of their own. */
    CodewordLanes withOwnOffsets() {
        return new CodewordLanes(dimensions, entries, lanes);
    }

    /** Takes other codewords, row-major from {@code at}; the offsets stay. */
    void load(double[] codewords, int at) {
        for (int k = 0; k < entries; k++) {
            for (int i = 0; i < dimensions; i++) {
                lanes[i * stride + k] = codewords[at + k * dimensions + i];
            }
        }
    }

    /** Makes half the square of each codeword its offset. */
    void setHalfSquares() {
        for (int k = 0; k < entries; k++) {
            double sum = 0;
            for (int i = 0; i < dimensions; i++) {
                double value = lanes[i * stride + k];
                sum = Math.fma(value, value, sum);
            }
            negatedOffsets[k] = -0.5 * sum;
        }
    }

    /**
     * Makes ½ Σ_a c_a H_qq c_aᵀ the offset of each codeword c, a over its rows of {@code width} coordinates.
     *
     * @param h a matrix whose width x width block at {@code at}, with {@code hStride}, is H_qq; not modified
     * @param scratch at least as long as a row of lanes; modified
     */
    void setHalfForms(double[] h, int at, int hStride, int width, double[] scratch) {
        Arrays.fill(negatedOffsets, 0, entries, 0);
        for (int row = 0; row < dimensions; row += width) {
            for (int i = 0; i < width; i++) {
                // H is symmetric: the diagonal once and each entry above it twice.
                scaleInto(scratch, (row + i) * stride, 0.5 * h[at + i * hStride + i]);
                for (int j = i + 1; j < width; j++) {
                    addScaled(scratch, (row + j) * stride, h[at + i * hStride + j]);
                }
                subtractProducts(scratch, (row + i) * stride);
            }
        }
    }

    private void scaleInto(double[] to, int lane, double factor) {
        for (int k = 0; k < entries; k++) {
            to[k] = factor * lanes[lane + k];
        }
    }

    private void addScaled(double[] to, int lane, double factor) {
        for (int k = 0; k < entries; k++) {
            to[k] += factor * lanes[lane + k];
        }
    }

    private void subtractProducts(double[] by, int lane) {
        for (int k = 0; k < entries; k++) {
            negatedOffsets[k] -= lanes[lane + k] * by[k];
        }
    }

    /** The gain of one codeword for the point that starts at {@code at}. */
    double gain(double[] points, int at, int entry) {
        double sum = negatedOffsets[entry];
        for (int i = 0; i < dimensions; i++) {
            sum = Math.fma(points[at + i], lanes[i * stride + entry], sum);
        }
        return sum;
    }

    /** Coordinates of a codeword. */
    int dimensions() {
        return dimensions;
    }

    /** M. */
    int entries() {
        return entries;
    }

    /** Codewords with the padding, a multiple of 8. */
    int stride() {
        return stride;
    }

    /** dimensions x stride; live. */
    double[] lanes() {
        return lanes;
    }

    /** As long as the stride; live. */
    double[] negatedOffsets() {
        return negatedOffsets;
    }
}
