package dev.lowbit.matrix.affine;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.LiveScalars;
import dev.lowbit.matrix.scale.LiveScales;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.ValueLayout;

/** An affine matrix whose scales are floats that may be changed between products, and its codes too, while zero points and codes of scales stay. */
public final class LiveAffine extends LiveScalars implements AutoCloseable {
    /** Rows whose gradients are summed together; part of the definition of the sums. */
    private static final int ROWS_PER_SUM = 64;

    private final AffineMatrix original;
    private final byte[] zeros;
    private final int groupsOfRow;
    private final LiveScales scales;

    /** A live copy of a matrix. */
    public LiveAffine(AffineMatrix matrix) {
        super(matrix, matrix.affineFormat().codeBits());
        this.original = matrix;
        this.zeros = matrix.zeros();
        this.groupsOfRow = matrix.affineFormat().groupsOfRow(matrix.columns());
        this.scales = new LiveScales(matrix.scales());
    }

    /** The scales of the groups; live. */
    public LiveScales scales() {
        return scales;
    }

    private int group(int row, int column) {
        return row * groupsOfRow + original.group(column);
    }

    private int level(int row, int column, int group) {
        return (codes()[row * columns() + column] & 0xff) - (zeros[group] & 0xff);
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        float[] scaleOf = scales.ofBlocks();
        workers.forEach(out.rows(), i -> {
            float[] row = new float[columns()];
            for (int j = 0; j < row.length; j++) {
                int group = group(fromRow + i, j);
                row[j] = scaleOf[group] * level(fromRow + i, j, group);
            }
            out.rows(i, 1).copyFrom(FloatMatrix.wrap(1, row.length, row));
        });
    }

    /**
     * Adds the gradients of the parts by the chain rule from G = dL/dŴ: of a group's scale the sum of G (q - z) over its weights.
     *
     * @param dense G, rows x columns; not modified
     * @param dScales shape of the scales; modified
     * @param dOffset 1 x 1; modified
     */
    public void accumulate(FloatMatrix dense, FloatMatrix dScales, FloatMatrix dOffset, Workers workers) {
        double[] ofGroups = new double[rows() * groupsOfRow];
        workers.forEach(Math.ceilDiv(rows(), ROWS_PER_SUM), task -> {
            int end = Math.min(rows(), (task + 1) * ROWS_PER_SUM);
            for (int i = task * ROWS_PER_SUM; i < end; i++) {
                for (int j = 0; j < columns(); j++) {
                    int group = group(i, j);
                    double g = dense.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, (long) i * columns() + j);
                    ofGroups[group] += g * level(i, j, group);
                }
            }
        });
        double[] ofScales = new double[dScales.columns()];
        double ofOffset = 0;
        for (int group = 0; group < ofGroups.length; group++) {
            ofScales[scales.index(group)] += ofGroups[group] * scales.share(group);
            ofOffset += ofGroups[group];
        }
        for (int k = 0; k < ofScales.length; k++) {
            dScales.set(0, k, (float) (dScales.get(0, k) + ofScales[k]));
        }
        dOffset.set(0, 0, (float) (dOffset.get(0, 0) + ofOffset));
    }

    /** The nearest level of the grid, of equal ones the even. */
    @Override
    protected Choice choice(FloatMatrix target, Workers workers) {
        int most = (1 << original.affineFormat().codeBits()) - 1;
        float[] scaleOf = scales.ofBlocks();
        return at -> {
            int group = group(at / columns(), at % columns());
            float weight = target.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at) / scaleOf[group];
            return Float.isFinite(weight)
                    ? (byte) Math.clamp(Math.rint(weight) + (zeros[group] & 0xff), 0, most)
                    : codes()[at];
        };
    }

    @Override
    protected Levels levels(Workers workers) {
        float[] scaleOf = scales.ofBlocks();
        return (at, code) -> {
            int group = group(at / columns(), at % columns());
            return scaleOf[group] * (code - (zeros[group] & 0xff));
        };
    }

    /**
     * The matrix with its codes, its scales rounded to their types.
     *
     * @throws InvalidRequestException when one is no number or overflows its type
     */
    @Override
    public AffineMatrix stored() {
        return original.with(codes(), scales.stored());
    }

    @Override
    public void close() {
        scales.close();
    }
}
