package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.ValueLayout;

/**
 * A matrix of codes on affine grids: the value at (i, j) is {@code scale (code - zero)} of its row and group, one product of floats. The
 * arrays are the record's own: not copied, to be read only.
 *
 * @param rows m
 * @param columns n
 * @param bits of a code, 1 to 8
 * @param groupSize columns that share a grid in every row; the last group may have fewer
 * @param codes m x n, row-major, unsigned
 * @param scales m x groups, row-major, finite, not negative
 * @param zeros m x groups, row-major, 0 to 2^bits - 1
 * @param groupIndex the group of every column, n values; empty when it is column / groupSize
 */
public record AffineCodes(
        int rows, int columns, int bits, int groupSize, byte[] codes, float[] scales, int[] zeros, int[] groupIndex) {
    /** Checks sizes and ranges. */
    public AffineCodes {
        if (bits < 1 || bits > Byte.SIZE || groupSize < 1 || rows < 0 || columns < 0) {
            throw new IllegalArgumentException(
                    "no codes of " + bits + " bits in groups of " + groupSize + " for " + rows + " x " + columns);
        }
        long groups = (long) rows * Math.ceilDiv(columns, groupSize);
        if (codes.length != (long) rows * columns || scales.length != groups || zeros.length != groups) {
            throw new IllegalArgumentException(rows + " x " + columns + " in groups of " + groupSize + " needs "
                    + (long) rows * columns + " codes and " + groups + " scales and zeros, got " + codes.length + ", "
                    + scales.length + " and " + zeros.length);
        }
        if (groupIndex.length != 0 && groupIndex.length != columns) {
            throw new IllegalArgumentException(groupIndex.length + " group numbers for " + columns + " columns");
        }
        requireBelow(groupIndex, Math.ceilDiv(columns, groupSize), "group number");
        requireBelow(zeros, 1 << bits, "zero");
        for (byte code : codes) {
            if (Byte.toUnsignedInt(code) >> bits != 0) {
                throw new IllegalArgumentException(Byte.toUnsignedInt(code) + " is no code of " + bits + " bits");
            }
        }
        for (float scale : scales) {
            if (!(scale >= 0 && scale <= Float.MAX_VALUE)) {
                throw new IllegalArgumentException("a scale is finite and not negative, got " + scale);
            }
        }
    }

    private static void requireBelow(int[] values, int limit, String what) {
        for (int value : values) {
            if (value < 0 || value >= limit) {
                throw new IllegalArgumentException(what + " " + value + " is not below " + limit);
            }
        }
    }

    /** The number of codes as an array's length. */
    static int requireArray(FloatMatrix weights) {
        if (weights.size() > Integer.MAX_VALUE - Long.BYTES) {
            throw InvalidRequestException.impossible(weights.rows() + " x " + weights.columns()
                    + " codes do not fit one array; quantize the matrix in parts of rows");
        }
        return (int) weights.size();
    }

    /** {@code groupSize} where 0 means one group per row. */
    static int resolve(int groupSize, int columns) {
        if (groupSize < 0) {
            throw InvalidRequestException.usage(
                    "groups have at least one column, or 0 for one group per row; got " + groupSize);
        }
        return groupSize == 0 ? Math.max(1, columns) : groupSize;
    }

    /** Groups in a row. */
    public int groups() {
        return Math.ceilDiv(columns, groupSize);
    }

    /** The group of a column. */
    public int group(int column) {
        return groupIndex.length == 0 ? column / groupSize : groupIndex[column];
    }

    /** The code at a place, 0 to 2^bits - 1. */
    public int code(int row, int column) {
        return Byte.toUnsignedInt(codes[row * columns + column]);
    }

    /** The value at a place. */
    public float value(int row, int column) {
        int at = row * groups() + group(column);
        return scales[at] * (code(row, column) - zeros[at]);
    }

    /**
     * The same values as a matrix that multiplies and is stored.
     *
     * @param scaleType of the stored scales; must hold them exactly, as it does when they were rounded to it ({@link AffineGrid#scales})
     */
    public AffineMatrix matrix(DType scaleType) {
        int group = groupSize >= columns ? 0 : groupSize;
        return matrix(new AffineFormat(bits, group, new ScaleFormat.OneLevel(scaleType), false, groupIndex.length > 0));
    }

    /** The same in a format of these bits and groups. */
    AffineMatrix matrix(AffineFormat format) {
        ScaleFormat.OneLevel stored = (ScaleFormat.OneLevel) format.scales();
        for (float scale : scales) {
            if (ScaleType.round(stored.type(), scale) != scale) {
                throw new IllegalArgumentException("the scale " + scale + " is no " + stored.type());
            }
        }
        byte[] narrow = new byte[zeros.length];
        for (int g = 0; g < narrow.length; g++) {
            narrow[g] = (byte) zeros[g];
        }
        return AffineMatrix.of(
                rows,
                columns,
                format,
                PackedCodes.pack(codes, bits),
                EncodedScales.encode(scales, format.scales()).orElseThrow(),
                narrow,
                groupIndex);
    }

    /**
     * E = W - Q.
     *
     * @param weights W, rows x columns; not modified unless it is {@code out}
     * @param out rows x columns; modified (overwritten)
     */
    public void residual(FloatMatrix weights, FloatMatrix out, Workers workers) {
        requireShape(weights);
        requireShape(out);
        workers.forEach(rows, i -> {
            for (int j = 0; j < columns; j++) {
                long at = (long) i * columns + j;
                float difference = weights.segment().getAtIndex(ValueLayout.JAVA_FLOAT, at) - value(i, j);
                out.segment().setAtIndex(ValueLayout.JAVA_FLOAT, at, difference);
            }
        });
    }

    private void requireShape(FloatMatrix matrix) {
        if (matrix.rows() != rows || matrix.columns() != columns) {
            throw new IllegalArgumentException(
                    matrix.rows() + " x " + matrix.columns() + " is not the shape " + rows + " x " + columns);
        }
    }
}
