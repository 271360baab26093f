package dev.lowbit.matrix.additive;

import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Random;

/** Additive matrices that no method decided: random codes and codewords under the scales of some weights. */
public final class AdditiveSamples {
    private AdditiveSamples() {}

    /** The scale of some tiles is the largest weight of the matrix in their columns of their first row; codebook m is of size 2^-m. */
    public static AdditiveMatrix matrix(FloatMatrix weights, AdditiveFormat format) {
        int rows = weights.rows();
        int columns = weights.columns();
        Random random = new Random(31L * rows + columns);
        int[] codes = new int[(int) format.codeCount(rows, columns)];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = random.nextInt(format.entries());
        }
        return AdditiveMatrix.of(
                rows,
                columns,
                format,
                codes,
                EncodedScales.encode(scales(weights, format), format.scales()).orElseThrow(),
                codebooks(format, random));
    }

    private static float[] scales(FloatMatrix weights, AdditiveFormat format) {
        int columns = weights.columns();
        float[] scales = new float[format.scaleCount(weights.rows(), columns)];
        int width = format.tilesOfScale(columns) * format.inGroup();
        int ofRow = format.scalesOfRow(columns);
        for (int i = 0; i < scales.length; i++) {
            int row = i / ofRow * format.outGroup();
            int start = i % ofRow * width;
            for (int j = start; j < Math.min(columns, start + width); j++) {
                scales[i] = Math.max(scales[i], Math.abs(weights.get(row, j)));
            }
        }
        return scales;
    }

    /** Values within -2^-m and 2^-m. */
    static float[] codebooks(AdditiveFormat format, Random random) {
        float[] values = new float[format.codebooks() * format.entries() * format.tileSize()];
        for (int i = 0; i < values.length; i++) {
            int book = i / (format.entries() * format.tileSize());
            values[i] = Math.scalb(2 * random.nextFloat() - 1, -book);
        }
        return values;
    }

    /** Ŵ by the formula of {@link AdditiveFormat}, in float, rows x columns. */
    static float[] decoded(AdditiveMatrix matrix) {
        AdditiveFormat format = matrix.additiveFormat();
        int tile = format.tileSize();
        float[] codebooks = matrix.codebooks();
        float[] scales = matrix.scales().values();
        float[] out = new float[matrix.rows() * matrix.columns()];
        for (int i = 0; i < matrix.rows(); i++) {
            int p = i / format.outGroup();
            char[] codes = matrix.codes(p);
            for (int j = 0; j < matrix.columns(); j++) {
                int q = j / format.inGroup();
                int inTile = i % format.outGroup() * format.inGroup() + j % format.inGroup();
                float sum = codebooks[codes[q * format.codebooks()] * tile + inTile];
                for (int m = 1; m < format.codebooks(); m++) {
                    sum += codebooks[(m * format.entries() + codes[q * format.codebooks() + m]) * tile + inTile];
                }
                int scale = format.scaleColumns() == 0 ? 0 : j / format.scaleColumns();
                out[i * matrix.columns() + j] = scales[p * format.scalesOfRow(matrix.columns()) + scale] * sum;
            }
        }
        return out;
    }
}
