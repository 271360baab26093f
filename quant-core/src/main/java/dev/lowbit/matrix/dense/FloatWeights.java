package dev.lowbit.matrix.dense;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Plain float weights behind the interface of the representations: a live view of {@link #values()}, so that an optimizer may
 * change them between products. Owns nothing; whoever made the matrix closes it.
 *
 * @param values rows x columns
 */
public record FloatWeights(FloatMatrix values) implements QuantizedMatrix {
    private static final List<DType> NARROW = List.of(DType.BF16, DType.F16);

    @Override
    public int rows() {
        return values.rows();
    }

    @Override
    public int columns() {
        return values.columns();
    }

    @Override
    public String format() {
        return new DenseFormat(DType.F32).id();
    }

    @Override
    public List<Part> parts() {
        return List.of(
                new Part(DenseFormat.WEIGHT, DType.F32, List.of((long) rows(), (long) columns()), values.segment()));
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        out.copyFrom(values.rows(fromRow, out.rows()));
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        // One token is decoding, which memory bounds. Of more each goes through Gemm, whose sums for a token do not
        // depend on the others: what is measured
        // over windows does not depend on how they are read together.
        if (x.rows() > 1) {
            Gemm.multiply(x, false, values, true, y, Gemm.Mode.SET, workers);
            return;
        }
        FewTokens.multiply(DType.F32, values.segment(), x, y, workers);
    }

    /** For {@link Accuracy#FAST} as floats of 16 bits, where these hold every value exactly: half the memory to read for a token. A copy, no longer live. */
    @Override
    public QuantizedMatrix prepare(Accuracy accuracy, Workers workers) {
        return accuracy == Accuracy.EXACT
                ? this
                : NARROW.stream()
                        .filter(type -> isExactIn(type, workers))
                        .findFirst()
                        .<QuantizedMatrix>map(type -> DenseMatrix.of(values, type))
                        .orElse(this);
    }

    private boolean isExactIn(DType type, Workers workers) {
        AtomicBoolean exact = new AtomicBoolean(true);
        workers.forEach(rows(), row -> {
            for (int column = 0; column < columns() && exact.get(); column++) {
                float value = values.get(row, column);
                boolean held = type == DType.BF16
                        ? (Float.floatToRawIntBits(value) & 0xffff) == 0
                        : Float.float16ToFloat(Float.floatToFloat16(value)) == value;
                if (!held) {
                    exact.set(false);
                }
            }
        });
        return exact.get();
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        DecodedProducts.checkMultiplyTransposed(this, y, x);
        Gemm.multiply(y, false, values, false, x, Gemm.Mode.SET, workers);
    }
}
