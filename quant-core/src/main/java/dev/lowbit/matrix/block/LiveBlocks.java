package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.LiveScalars;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.LiveScales;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * A block matrix whose continuous parts are floats that may be changed between products, and its codes too: Ŵ[i, j] =
 * codebook[code] * scale(block), scale = offset + scaleCode * superScale / (2^bits - 1), or the scale itself with one level. Linear in
 * the codebook and in the scales. Codes of scales stay.
 */
public final class LiveBlocks extends LiveScalars implements AutoCloseable {
    /** Rows whose gradients are summed together; part of the definition of the sums. */
    private static final int ROWS_PER_SUM = 64;

    private final BlockMatrix original;
    private final BlockFormat format;
    private final BlockGeometry geometry;
    private final FloatMatrix codebook;
    private final boolean ownsCodebook;
    private final LiveScales scales;

    /** A live copy of a matrix. */
    public LiveBlocks(BlockMatrix matrix) {
        this(matrix, FloatMatrix.allocate(1, matrix.codebook().values().length), true);
        codebook.copyFrom(
                FloatMatrix.wrap(1, codebook.columns(), matrix.codebook().values()));
    }

    /**
     * A live copy with the codebook of another of as many values, whose memory it remains.
     *
     * @param other closed after this one
     */
    public LiveBlocks(BlockMatrix matrix, LiveBlocks other) {
        this(matrix, other.codebook, false);
    }

    private LiveBlocks(BlockMatrix matrix, FloatMatrix codebook, boolean ownsCodebook) {
        super(matrix, matrix.blockFormat().codeBits());
        this.original = matrix;
        this.format = matrix.blockFormat();
        this.geometry = format.geometry(matrix.rows(), matrix.columns());
        this.codebook = codebook;
        this.ownsCodebook = ownsCodebook;
        this.scales = new LiveScales(matrix.scales());
    }

    /** Whether the values of the codes are a part of the matrix and not fixed by its format. */
    public boolean hasOwnCodebook() {
        return format.codebook().isStored();
    }

    /** The value of each code, 1 x 2^bits; live. */
    public FloatMatrix codebook() {
        return codebook;
    }

    /** The scales of the blocks; live. */
    public LiveScales scales() {
        return scales;
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        float[] values = codebook.toArray();
        byte[] codes = codes();
        float[] scaleOf = scales.ofBlocks();
        workers.forEach(out.rows(), i -> {
            float[] row = new float[columns()];
            long first = (long) (fromRow + i) * columns();
            for (int j = 0; j < row.length; j++) {
                row[j] = values[codes[(int) first + j] & 0xff] * scaleOf[geometry.blockOf(first + j)];
            }
            out.rows(i, 1).copyFrom(FloatMatrix.wrap(1, row.length, row));
        });
    }

    /**
     * Adds the gradients of the parts by the chain rule from G = dL/dŴ: of code value k the sum of G s over the weights with that code, of a
     * block's scale the sum of G v over its weights.
     *
     * @param dense G, rows x columns; not modified
     * @param dCodebook shape of {@link #codebook()}; modified
     * @param dScales shape of the scales; modified
     * @param dOffset 1 x 1; modified
     */
    public void accumulate(
            FloatMatrix dense, FloatMatrix dCodebook, FloatMatrix dScales, FloatMatrix dOffset, Workers workers) {
        float[] values = codebook.toArray();
        byte[] codes = codes();
        float[] scaleOf = scales.ofBlocks();
        double[][] ofCodes = new double[Math.ceilDiv(rows(), ROWS_PER_SUM)][];
        double[][] ofScales = new double[ofCodes.length][];
        double[] ofOffset = new double[ofCodes.length];
        workers.forEach(ofCodes.length, task -> {
            double[] codeSums = new double[values.length];
            double[] scaleSums = new double[scales.scales().columns()];
            long end = Math.min(rows(), (task + 1L) * ROWS_PER_SUM) * columns();
            for (long at = (long) task * ROWS_PER_SUM * columns(); at < end; at++) {
                int block = geometry.blockOf(at);
                int code = codes[(int) at] & 0xff;
                double g = dense.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
                codeSums[code] += g * scaleOf[block];
                double gv = g * values[code];
                scaleSums[scales.index(block)] += gv * scales.share(block);
                ofOffset[task] += gv;
            }
            ofCodes[task] = codeSums;
            ofScales[task] = scaleSums;
        });
        add(ofCodes, dCodebook);
        add(ofScales, dScales);
        add(new double[][] {{Arrays.stream(ofOffset).reduce(0, Double::sum)}}, dOffset);
    }

    private static void add(double[][] tasks, FloatMatrix gradient) {
        for (int k = 0; k < gradient.columns(); k++) {
            double sum = 0;
            for (double[] task : tasks) {
                sum += task[k];
            }
            gradient.set(0, k, (float) (gradient.get(0, k) + sum));
        }
    }

    /** The nearest value of the codebook, of equal ones the lowest code. */
    @Override
    protected Choice choice(FloatMatrix target, Workers workers) {
        float[] values = codebook.toArray();
        float[] scaleOf = scales.ofBlocks();
        return at -> {
            float weight =
                    target.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at) / scaleOf[geometry.blockOf(at)];
            return Float.isFinite(weight) ? nearest(values, weight) : codes()[at];
        };
    }

    @Override
    protected Levels levels(Workers workers) {
        float[] values = codebook.toArray();
        float[] scaleOf = scales.ofBlocks();
        return (at, code) -> values[code] * scaleOf[geometry.blockOf(at)];
    }

    private static byte nearest(float[] values, float weight) {
        int best = 0;
        for (int k = 1; k < values.length; k++) {
            if (Math.abs(values[k] - weight) < Math.abs(values[best] - weight)) {
                best = k;
            }
        }
        return (byte) best;
    }

    /**
     * The matrix with its parts rounded to their types: scales below 0 become 0, a codebook out of order is sorted and the codes with it.
     *
     * @throws InvalidRequestException when a part is no number or overflows its type
     */
    @Override
    public BlockMatrix stored() {
        float[] values = codebook.toArray();
        if (hasOwnCodebook()) {
            for (int k = 0; k < values.length; k++) {
                values[k] = ScaleType.round(DType.F16, values[k]);
                LiveScales.requireFinite(BlockFormat.CODEBOOK, values[k]);
            }
        }
        Integer[] order = IntStream.range(0, values.length).boxed().toArray(Integer[]::new);
        Arrays.sort(order, Comparator.comparingDouble(k -> values[k]));
        float[] sorted = new float[values.length];
        byte[] newCode = new byte[values.length];
        for (int k = 0; k < order.length; k++) {
            sorted[k] = values[order[k]];
            newCode[order[k]] = (byte) k;
        }
        byte[] codes = codes();
        byte[] stored = new byte[codes.length];
        for (int i = 0; i < stored.length; i++) {
            stored[i] = newCode[codes[i] & 0xff];
        }
        MemorySegment packed = PackedCodes.pack(stored, format.codeBits());
        Codebook ofValues = hasOwnCodebook() ? Codebook.ofValues(sorted) : original.codebook();
        return BlockMatrix.of(rows(), columns(), format, packed, scales.stored(), ofValues);
    }

    @Override
    public void close() {
        scales.close();
        if (ownsCodebook) {
            codebook.close();
        }
    }
}
