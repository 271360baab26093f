package dev.lowbit.cuda.check;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.FloatMatrix;

/**
 * What a matrix is in double, and the magnitude that its products' rounding is measured with: for each weight the sum of the magnitudes of the terms that a kernel may
 * add up separately (an integer and its zero point, codewords, base and low-rank term).
 */
final class Reference {
    private static final double UNIT = 0x1p-24;

    /** Roundings of a product besides the chain of additions: scale (3) and weight as products decode them (1) and as the reference does (1), lanes (5), tables (16). */
    private static final int FIXED_ROUNDINGS = 40;

    private final int rows;
    private final int columns;
    private final double[] weights;
    private final double[] magnitudes;
    /** Roundings of y = Ŵ x and of x = Ŵᵀ y. */
    private final int roundings;

    private final int transposedRoundings;

    private Reference(int rows, int columns, double[] weights, double[] magnitudes, int roundings, int transposed) {
        this.rows = rows;
        this.columns = columns;
        this.weights = weights;
        this.magnitudes = magnitudes;
        this.roundings = roundings;
        this.transposedRoundings = transposed;
    }

    static Reference of(QuantizedMatrix matrix) {
        return matrix instanceof SumMatrix sum ? ofSum(sum) : ofTerm(matrix);
    }

    private static Reference ofTerm(QuantizedMatrix matrix) {
        int rows = matrix.rows();
        int columns = matrix.columns();
        float[] decoded = decoded(matrix);
        double[] weights = new double[decoded.length];
        double[] magnitudes = new double[decoded.length];
        for (int i = 0; i < decoded.length; i++) {
            weights[i] = decoded[i];
            magnitudes[i] = Math.abs(weights[i]);
        }
        switch (matrix) {
            case AffineMatrix affine -> addZeroPoints(affine, magnitudes);
            case AdditiveMatrix additive -> setCodewords(additive, magnitudes);
            default -> {}
        }
        return new Reference(rows, columns, weights, magnitudes, chain(columns), transposedChain(rows));
    }

    /** A lane has every 32nd chunk of 8 columns; by lookup one of at least 32 columns in a tile. */
    private static int chain(int columns) {
        return 8 * Math.ceilDiv(columns, 256) + FIXED_ROUNDINGS;
    }

    /** A warp has every 8th of 256 rows, then there are 8 warps and all parts. */
    private static int transposedChain(int rows) {
        return 32 + 8 + Math.ceilDiv(rows, 256) + FIXED_ROUNDINGS;
    }

    /** By lookup s (q - middle) and s (middle - z) are added separately. */
    private static void addZeroPoints(AffineMatrix matrix, double[] magnitudes) {
        float[] scales = matrix.scales().values();
        byte[] zeros = matrix.zeros();
        int middle = matrix.affineFormat().middle();
        int columns = matrix.columns();
        int groups = matrix.affineFormat().groupsOfRow(columns);
        for (int i = 0; i < matrix.rows(); i++) {
            byte[] codes = matrix.codes(i);
            for (int j = 0; j < columns; j++) {
                int group = i * groups + matrix.group(j);
                double apart = Math.abs((codes[j] & 0xff) - middle) + Math.abs((zeros[group] & 0xff) - middle);
                magnitudes[i * columns + j] = scales[group] * apart;
            }
        }
    }

    /** By lookup the codewords of a tile are multiplied separately. */
    private static void setCodewords(AdditiveMatrix matrix, double[] magnitudes) {
        AdditiveFormat format = matrix.additiveFormat();
        float[] scales = matrix.scales().values();
        float[] words = matrix.codebooks();
        int columns = matrix.columns();
        for (int i = 0; i < matrix.rows(); i++) {
            int p = i / format.outGroup();
            char[] codes = matrix.codes(p);
            for (int j = 0; j < columns; j++) {
                int q = j / format.inGroup();
                int within = i % format.outGroup() * format.inGroup() + j % format.inGroup();
                double sum = 0;
                for (int m = 0; m < format.codebooks(); m++) {
                    int word = m * format.entries() + codes[q * format.codebooks() + m];
                    sum += Math.abs(words[word * format.tileSize() + within]);
                }
                int scale = p * format.scalesOfRow(columns) + q / format.tilesOfScale(columns);
                magnitudes[i * columns + j] = scales[scale] * sum;
            }
        }
    }

    private static Reference ofSum(SumMatrix sum) {
        Reference base = ofTerm(sum.base());
        Reference left = ofTerm(sum.left());
        Reference right = ofTerm(sum.right());
        int rows = sum.rows();
        int columns = sum.columns();
        for (int r = 0; r < sum.rank(); r++) {
            for (int i = 0; i < rows; i++) {
                double factor = left.weights[r * rows + i];
                double magnitude = left.magnitudes[r * rows + i];
                for (int j = 0; j < columns; j++) {
                    base.weights[i * columns + j] += factor * right.weights[r * columns + j];
                    base.magnitudes[i * columns + j] += magnitude * right.magnitudes[r * columns + j];
                }
            }
        }
        int lowRank = sum.rank() + FIXED_ROUNDINGS;
        return new Reference(
                rows,
                columns,
                base.weights,
                base.magnitudes,
                base.roundings + chain(columns) + lowRank,
                base.transposedRoundings + chain(rows) + lowRank);
    }

    static float[] decoded(QuantizedMatrix matrix) {
        float[] values = new float[matrix.rows() * matrix.columns()];
        matrix.dequantize(0, FloatMatrix.wrap(matrix.rows(), matrix.columns(), values), Workers.serial());
        return values;
    }

    /** The largest error of y = x Ŵᵀ in units of its bound: so many roundings of the sum of magnitudes, and what the smallest floats leave. */
    double error(FloatMatrix x, FloatMatrix y) {
        return error(x, y, roundings, columns, 1, rows, columns);
    }

    /** The same of x = y Ŵ. */
    double transposedError(FloatMatrix y, FloatMatrix x) {
        return error(y, x, transposedRoundings, rows, columns, columns, 1);
    }

    private double error(
            FloatMatrix in, FloatMatrix out, int count, int length, int step, int outputs, int outputStep) {
        double worst = 0;
        float[] factors = in.toArray();
        float[] results = out.toArray();
        for (int t = 0; t < in.rows(); t++) {
            for (int o = 0; o < outputs; o++) {
                double sum = 0;
                double magnitude = 0;
                for (int k = 0; k < length; k++) {
                    int at = o * outputStep + k * step;
                    double factor = factors[t * length + k];
                    sum += weights[at] * factor;
                    magnitude += magnitudes[at] * Math.abs(factor);
                }
                double bound = count * UNIT * magnitude + length * 0x1p-145;
                double error = Math.abs(results[t * outputs + o] - sum) / bound;
                worst = error <= worst ? worst : Double.isNaN(error) ? Double.POSITIVE_INFINITY : error;
            }
        }
        return worst;
    }
}
