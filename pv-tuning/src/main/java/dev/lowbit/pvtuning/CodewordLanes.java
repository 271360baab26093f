package dev.lowbit.pvtuning;

import java.util.Arrays;

/**
 * A codebook for SIMD, in rows and turned, its codewords side by side, each with an offset: the gain of codeword c for a point x is
 * {@code <x, c> - offset(c)}, one chain of fused multiply-adds that starts at -offset, coordinates ascending.
 *
 * <p>With half the square of a codeword as its offset, the largest gain is at the nearest codeword.
 */
final class CodewordLanes {
    /** Lanes of the widest vector of doubles; rows are padded to whole vectors by codewords of gain -infinity. */
    private static final int ROUND = 8;

    private static final CodewordSearch KERNEL = CodewordSearch.get();

    private final int dimensions;
    private final int entries;
    private final int stride;
    private final int rowWidth;
    private final double[] lanes;
    private final double[] rows;
    private final double[] negatedOffsets;
    private double[] products;

    private CodewordLanes(int dimensions, int entries, CodewordLanes shared) {
        this.dimensions = dimensions;
        this.entries = entries;
        this.stride = Math.ceilDiv(entries, ROUND) * ROUND;
        this.rowWidth = dimensions > 8 ? dimensions : Math.ceilDiv(dimensions, 4) * 4;
        this.lanes = shared == null ? new double[Math.multiplyExact(dimensions, stride)] : shared.lanes;
        this.rows = shared == null ? new double[Math.multiplyExact(entries, rowWidth)] : shared.rows;
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
        return new CodewordLanes(dimensions, entries, this);
    }

    /** Takes other codewords, row-major from {@code at}; the offsets stay. */
    void load(double[] codewords, int at) {
        for (int k = 0; k < entries; k++) {
            for (int i = 0; i < dimensions; i++) {
                lanes[i * stride + k] = codewords[at + k * dimensions + i];
                rows[k * rowWidth + i] = codewords[at + k * dimensions + i];
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
     * Makes ½ Σ_a c_a H_qq c_aᵀ the offset of each codeword c, a over its rows of {@code width} coordinates, and keeps the c_a H_qq as
     * {@link #product}.
     *
     * @param h H_qq, width x width; not modified
     */
    void setHalfForms(double[] h, int width) {
        if (products == null) {
            products = new double[lanes.length];
        }
        Arrays.fill(products, 0);
        Arrays.fill(negatedOffsets, 0, entries, 0);
        for (int row = 0; row < dimensions; row += width) {
            for (int j = 0; j < width; j++) {
                KERNEL.addCombination(
                        h, j * width, width, lanes, row * stride, stride, products, (row + j) * stride, stride);
                subtractHalfProducts((row + j) * stride);
            }
        }
    }

    private void subtractHalfProducts(int lane) {
        for (int k = 0; k < entries; k++) {
            negatedOffsets[k] -= 0.5 * lanes[lane + k] * products[lane + k];
        }
    }

    /** A coordinate of c_a H_qq of a codeword, by the last half forms. */
    double product(int coordinate, int entry) {
        return products[coordinate * stride + entry];
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

    /** Values of a codeword with its zeros in {@link #rows}: 4, 8 or, beyond 8, as many as it has. */
    int rowWidth() {
        return rowWidth;
    }

    /** Codewords one after the other, entries x row width; live. */
    double[] rows() {
        return rows;
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
