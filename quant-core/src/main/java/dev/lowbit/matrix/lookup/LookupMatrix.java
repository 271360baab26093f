package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;

/**
 * A matrix with products by lookup, after LUT-GEMM (arXiv 2206.09557) and T-MAC (arXiv 2407.00088): what the codes of a byte contribute with the inputs at hand is
 * computed once for all rows, rounded to a byte, and then only looked up, 16 or 64 rows in an instruction or two, and added as integers.
 *
 * <p>Per domain d of at most about 64 columns, with n tables, T the real table of an index and δ = (largest minus least entry of a table, over the domain) / 255:
 *
 * <pre>
 *   y ≈ Σ_d s (δ Σ round((T - min) / δ) + Σ min) + o Σ x
 *   |y - Ŵ x| ≤ Σ_d |s| 0.52 n δ + 2^-8 (|s Σ T| + |o Σ x|)      and the roundings of a float sum
 * </pre>
 *
 * <p>s and o are a group's scale and offset, kept in BF16 (the second term, of normal numbers); 0.52 is half a unit and the fixed point of 1/256 unit in which entries are
 * added. With Gaussian inputs the error is 1 to 2 % of y, near that of 8-bit inputs. Where inputs are no numbers, so are outputs.
 *
 * <p>Grids of 2 to 4 bits are multiplied instead where registers of more than 128 bits do that faster than they look up ({@link IntegerKernels}): with m = 2^(bits - 1)
 * and q the codes, domains of at most 256 / m columns, inputs rounded to δ = (largest |x| of the domain) / 127,
 *
 * <pre>
 *   y ≈ Σ_d s δ Σ (q - m) round(x / δ) + o Σ x
 *   |y - Ŵ x| ≤ Σ_d |s| 0.501 m n δ + 2^-8 (|s Σ T| + |o Σ x|)    for n columns; 0.5 % of y with Gaussian inputs
 * </pre>
 *
 * <p>Products have the same bits for any {@link Workers} and however tokens are put together. Everything but {@link #multiply} is the source's.
 */
public final class LookupMatrix implements QuantizedMatrix {
    /** Bits of a code at most, where every weight has its own. */
    public static final int MAX_BITS = LookupKernels.MAX_BITS;

    /** Bits of a code at most, where codes stand for codewords. */
    public static final int MAX_CODEWORD_BITS = Byte.SIZE;

    private final QuantizedMatrix source;
    private final LookupWeights weights;
    private final LookupTables tables;
    private final DomainKernels kernels;

    LookupMatrix(QuantizedMatrix source, LookupWeights weights, LookupTables tables, DomainKernels kernels) {
        this.source = source;
        this.weights = weights;
        this.tables = tables;
        this.kernels = kernels;
    }

    /**
     * A matrix with a code for each weight.
     *
     * @param source whose weights are scale * level + offset
     * @param groupColumns columns that share a scale, in each row from its start
     * @param levels what codes stand for: 2, 4, 8 or 16; copied
     * @return the source itself where the machine or the shape do not suit
     */
    public static QuantizedMatrix ofCodes(
            QuantizedMatrix source, int groupColumns, float[] levels, LookupSource rows, Workers workers) {
        if (!available()) {
            return source;
        }
        int bits = Integer.numberOfTrailingZeros(levels.length);
        LookupKernels kernels = LookupKernels.get();
        LookupShape shape = kernels.halves()
                ? LookupShape.ofHalves(source.rows(), source.columns(), groupColumns, bits)
                : LookupShape.ofCodes(source.rows(), source.columns(), groupColumns, bits);
        return of(source, shape, new CodeTables(kernels, levels), kernels, rows, workers);
    }

    /**
     * A matrix with a code for each weight, which stands for {@code code - 2^(bits - 1)}.
     *
     * @param source whose weights are scale * that + offset
     * @param groupColumns columns that share a scale, in each row from its start
     * @param bits of a code, up to {@link #MAX_BITS}
     * @return the source itself where the machine or the shape do not suit
     */
    public static QuantizedMatrix ofGrid(
            QuantizedMatrix source, int groupColumns, int bits, LookupSource rows, Workers workers) {
        int middle = 1 << bits - 1;
        if (!available() || !Lookups.multipliesGrids(bits, groupColumns)) {
            float[] levels = new float[1 << bits];
            for (int code = 0; code < levels.length; code++) {
                levels[code] = code - middle;
            }
            return ofCodes(source, groupColumns, levels, rows, workers);
        }
        int wordBits = IntegerKernels.wordBits(bits);
        IntegerKernels kernels = IntegerKernels.of(wordBits);
        LookupShape shape = LookupShape.ofWords(source.rows(), source.columns(), groupColumns, wordBits, middle);
        return of(source, shape, new IntegerTables(kernels, shape.span(), middle), kernels, rows, workers);
    }

    /**
     * A matrix of tiles that are sums of codewords, one row high.
     *
     * @param source whose tiles are scale * sum
     * @param groupColumns columns that share a scale, in each row from its start
     * @param tileColumns of a tile
     * @param codeBits up to {@link #MAX_CODEWORD_BITS}
     * @return the source itself where the machine or the shape do not suit
     */
    public static QuantizedMatrix ofCodewords(
            QuantizedMatrix source,
            int groupColumns,
            int tileColumns,
            int codebooks,
            int codeBits,
            CodewordProducts products,
            LookupSource rows,
            Workers workers) {
        if (!available() || LookupKernels.get().halves()) {
            return source;
        }
        LookupKernels kernels = LookupKernels.get();
        LookupShape shape = LookupShape.ofCodewords(
                source.rows(), source.columns(), groupColumns, tileColumns, codebooks, codeBits);
        LookupTables tables = new CodewordTables(kernels, products, tileColumns, codebooks, 1 << codeBits);
        return of(source, shape, tables, kernels, rows, workers);
    }

    private static QuantizedMatrix of(
            QuantizedMatrix source,
            LookupShape shape,
            LookupTables tables,
            DomainKernels kernels,
            LookupSource rows,
            Workers workers) {
        return shape.isPossible()
                ? new LookupMatrix(source, new LookupWeights(shape, rows, workers), tables, kernels)
                : source;
    }

    /** Whether this machine has products by lookup. */
    public static boolean available() {
        return LookupKernels.available();
    }

    @Override
    public int rows() {
        return source.rows();
    }

    @Override
    public int columns() {
        return source.columns();
    }

    @Override
    public String format() {
        return source.format();
    }

    @Override
    public int rank() {
        return source.rank();
    }

    @Override
    public List<Part> parts() {
        return source.parts();
    }

    @Override
    public Accuracy accuracy() {
        return Accuracy.FAST;
    }

    @Override
    public long readBytes() {
        return weights.bytes();
    }

    @Override
    public QuantizedMatrix prepare(Accuracy accuracy, Workers workers) {
        return accuracy == Accuracy.EXACT ? source : source.prepare(accuracy, workers);
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        source.dequantize(fromRow, out, workers);
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        LookupCall.multiply(weights, tables, kernels, x, y, workers);
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        source.multiplyTransposed(y, x, workers);
    }
}
