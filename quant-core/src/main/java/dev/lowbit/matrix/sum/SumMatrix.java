package dev.lowbit.matrix.sum;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.ScratchMatrix;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Ŵ = Q + LᵀR: a quantized base and a low-rank term, each stored by a representation of its own. Products never expand the sum:
 * y = Q x + Lᵀ (R x). Immutable.
 */
public final class SumMatrix implements QuantizedMatrix {
    private static final ThreadLocal<ScratchMatrix> INNER = ThreadLocal.withInitial(ScratchMatrix::new);
    private static final ThreadLocal<ScratchMatrix> LOW_RANK = ThreadLocal.withInitial(ScratchMatrix::new);

    private final SumFormat format;
    private final QuantizedMatrix base;
    private final QuantizedMatrix left;
    private final QuantizedMatrix right;
    private final List<Part> parts;

    SumMatrix(SumFormat format, QuantizedMatrix base, QuantizedMatrix left, QuantizedMatrix right) {
        this.format = format;
        this.base = base;
        this.left = left;
        this.right = right;
        List<Part> all = new ArrayList<>(base.parts());
        left.parts().forEach(part -> all.add(part.prefixed(SumFormat.LEFT)));
        right.parts().forEach(part -> all.add(part.prefixed(SumFormat.RIGHT)));
        this.parts = List.copyOf(all);
    }

    /**
     * The sum base + leftᵀ right.
     *
     * @param base rows x columns
     * @param left rank x rows: the transpose of the left factor
     * @param right rank x columns, in the same format as {@code left}
     */
    public static SumMatrix of(QuantizedMatrix base, QuantizedMatrix left, QuantizedMatrix right) {
        if (left.rows() != right.rows() || left.columns() != base.rows() || right.columns() != base.columns()) {
            throw new IllegalArgumentException("factors of a " + base.rows() + " x " + base.columns()
                    + " matrix are r x " + base.rows() + " and r x " + base.columns() + ", got " + left.rows() + " x "
                    + left.columns() + " and " + right.rows() + " x " + right.columns());
        }
        if (!left.format().equals(right.format())) {
            throw new IllegalArgumentException(
                    "both factors need one format, got " + left.format() + " and " + right.format());
        }
        SumFormat format =
                new SumFormat(MatrixFormats.parse(base.format()), left.rows(), MatrixFormats.parse(left.format()));
        return new SumMatrix(format, base, left, right);
    }

    /** The quantized term. */
    public QuantizedMatrix base() {
        return base;
    }

    /** rank x rows: the transpose of the left factor. */
    public QuantizedMatrix left() {
        return left;
    }

    /** rank x columns. */
    public QuantizedMatrix right() {
        return right;
    }

    @Override
    public int rows() {
        return base.rows();
    }

    @Override
    public int columns() {
        return base.columns();
    }

    @Override
    public String format() {
        return format.id();
    }

    @Override
    public int rank() {
        return format.rank();
    }

    @Override
    public List<Part> parts() {
        return parts;
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        base.dequantize(fromRow, out, workers);
        int rank = rank();
        try (FloatMatrix allLeft = FloatMatrix.allocate(rank, rows());
                FloatMatrix someLeft = FloatMatrix.allocate(rank, out.rows());
                FloatMatrix allRight = FloatMatrix.allocate(rank, columns())) {
            left.dequantize(0, allLeft, workers);
            right.dequantize(0, allRight, workers);
            for (int r = 0; r < rank; r++) {
                for (int i = 0; i < out.rows(); i++) {
                    someLeft.set(r, i, allLeft.get(r, fromRow + i));
                }
            }
            Gemm.multiply(someLeft, true, allRight, false, out, Gemm.Mode.ADD, workers);
        }
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        base.multiply(x, y, workers);
        try (FloatMatrix inner = INNER.get().of(x.rows(), rank());
                FloatMatrix lowRank = LOW_RANK.get().of(y.rows(), y.columns())) {
            right.multiply(x, inner, workers);
            left.multiplyTransposed(inner, lowRank, workers);
            add(lowRank, y);
        }
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        DecodedProducts.checkMultiplyTransposed(this, y, x);
        base.multiplyTransposed(y, x, workers);
        try (FloatMatrix inner = INNER.get().of(y.rows(), rank());
                FloatMatrix lowRank = LOW_RANK.get().of(x.rows(), x.columns())) {
            left.multiply(y, inner, workers);
            right.multiplyTransposed(inner, lowRank, workers);
            add(lowRank, x);
        }
    }

    @Override
    public Accuracy accuracy() {
        return base.accuracy();
    }

    /** Prepares the base; the factors are small. */
    @Override
    public QuantizedMatrix prepare(Accuracy accuracy, Workers workers) {
        QuantizedMatrix prepared = base.prepare(accuracy, workers);
        return prepared == base ? this : new SumMatrix(format, prepared, left, right);
    }

    @Override
    public long readBytes() {
        return base.readBytes() + left.readBytes() + right.readBytes();
    }

    private static void add(FloatMatrix term, FloatMatrix sum) {
        for (long i = 0; i < sum.size(); i++) {
            float value = sum.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i)
                    + term.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
            sum.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
        }
    }
}
