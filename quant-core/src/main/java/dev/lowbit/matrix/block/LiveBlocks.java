package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;

/**
 * A block matrix whose continuous parts are floats that may be changed between products, while its codes stay: Ŵ[i, j] =
 * codebook[code] * scale(block), scale = offset + scaleCode * superScale / (2^bits - 1), or the scale itself with one level. Linear in
 * the codebook and in the scales.
 */
public final class LiveBlocks implements QuantizedMatrix, AutoCloseable {
    /** Rows whose gradients are summed together; part of the definition of the sums. */
    private static final int ROWS_PER_SUM = 64;

    private final BlockMatrix original;
    private final BlockFormat format;
    private final BlockGeometry geometry;
    private final byte[] codes;
    private final byte[] scaleCodes;
    private final FloatMatrix codebook;
    private final FloatMatrix scales;
    private final FloatMatrix offset;

    /** A live copy of a matrix. */
    public LiveBlocks(BlockMatrix matrix) {
        this.original = matrix;
        this.format = matrix.blockFormat();
        this.geometry = format.geometry(matrix.rows(), matrix.columns());
        this.codes = PackedCodes.unpack(
                matrix.parts().getFirst().bytes(), Math.toIntExact(geometry.size()), format.codeBits());
        this.scaleCodes = matrix.scaleCodes();
        this.codebook = owned(matrix.codebook().values());
        this.scales = owned(isTwoLevel() ? matrix.superScales() : matrix.blockScales());
        this.offset = owned(new float[] {matrix.offset()});
    }

    private static FloatMatrix owned(float[] values) {
        FloatMatrix matrix = FloatMatrix.allocate(1, values.length);
        matrix.copyFrom(FloatMatrix.wrap(1, values.length, values));
        return matrix;
    }

    private boolean isTwoLevel() {
        return format.scales() instanceof ScaleFormat.TwoLevel;
    }

    /** Whether the values of the codes are a part of the matrix and not fixed by its format. */
    public boolean hasOwnCodebook() {
        return format.codebook().isStored();
    }

    /** Whether there is an {@link #offset()}. */
    public boolean hasOffset() {
        return isTwoLevel();
    }

    /** The value of each code, 1 x 2^bits; live. */
    public FloatMatrix codebook() {
        return codebook;
    }

    /** The super-scales, or with one level the scales, 1 x n; live. */
    public FloatMatrix scales() {
        return scales;
    }

    /** What every block's scale starts from, 1 x 1; live. */
    public FloatMatrix offset() {
        return offset;
    }

    /** d scale(block) / d its super-scale; 1 with one level. */
    private float share(int block) {
        return format.scales() instanceof ScaleFormat.TwoLevel two
                ? (float) Byte.toUnsignedInt(scaleCodes[block]) / ((1 << two.codeBits()) - 1)
                : 1;
    }

    private int scaleIndex(int block) {
        return format.scales() instanceof ScaleFormat.TwoLevel two ? block / two.superGroup() : block;
    }

    private float scale(int block) {
        return Math.fma(share(block), scales.get(0, scaleIndex(block)), offset.get(0, 0));
    }

    @Override
    public int rows() {
        return original.rows();
    }

    @Override
    public int columns() {
        return original.columns();
    }

    @Override
    public String format() {
        return format.id();
    }

    /** The parts as rounding would store them now. */
    @Override
    public List<Part> parts() {
        return stored().parts();
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        float[] values = codebook.toArray();
        workers.forEach(out.rows(), i -> {
            float[] row = new float[columns()];
            long first = (long) (fromRow + i) * columns();
            int block = -1;
            float scale = 0;
            for (int j = 0; j < row.length; j++) {
                int now = geometry.blockOf(first + j);
                if (now != block) {
                    block = now;
                    scale = scale(block);
                }
                row[j] = values[codes[(int) first + j] & 0xff] * scale;
            }
            out.rows(i, 1).copyFrom(FloatMatrix.wrap(1, row.length, row));
        });
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.multiply(this, x, y, workers);
    }

    @Override
    public void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        DecodedProducts.multiplyTransposed(this, y, x, workers);
    }

    /**
     * Adds the gradients of the parts for y = Ŵ x, from the dense gradient G = dyᵀ x: of code value k the sum of G s over the weights with
     * that code, of a block's scale the sum of G v over its weights.
     *
     * @param x tokens x columns; not modified
     * @param dy tokens x rows; not modified
     * @param dCodebook shape of {@link #codebook()}; modified
     * @param dScales shape of {@link #scales()}; modified
     * @param dOffset 1 x 1; modified
     */
    public void accumulate(
            FloatMatrix x,
            FloatMatrix dy,
            FloatMatrix dCodebook,
            FloatMatrix dScales,
            FloatMatrix dOffset,
            Workers workers) {
        try (FloatMatrix dense = FloatMatrix.allocate(rows(), columns())) {
            Gemm.multiply(dy, true, x, false, dense, Gemm.Mode.SET, workers);
            float[] values = codebook.toArray();
            double[][] ofCodes = new double[Math.ceilDiv(rows(), ROWS_PER_SUM)][];
            double[][] ofScales = new double[ofCodes.length][];
            double[] ofOffset = new double[ofCodes.length];
            workers.forEach(ofCodes.length, task -> {
                double[] codeSums = new double[values.length];
                double[] scaleSums = new double[scales.columns()];
                long end = Math.min(rows(), (task + 1L) * ROWS_PER_SUM) * columns();
                for (long at = (long) task * ROWS_PER_SUM * columns(); at < end; at++) {
                    int block = geometry.blockOf(at);
                    int code = codes[(int) at] & 0xff;
                    double g = dense.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
                    codeSums[code] += g * scale(block);
                    double gv = g * values[code];
                    scaleSums[scaleIndex(block)] += gv * share(block);
                    ofOffset[task] += gv;
                }
                ofCodes[task] = codeSums;
                ofScales[task] = scaleSums;
            });
            add(ofCodes, dCodebook);
            add(ofScales, dScales);
            add(new double[][] {{Arrays.stream(ofOffset).reduce(0, Double::sum)}}, dOffset);
        }
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

    /**
     * The matrix with its parts rounded to their types: scales below 0 become 0, a codebook out of order is sorted and the codes with it.
     *
     * @throws InvalidRequestException when a part is no number or overflows its type
     */
    public BlockMatrix stored() {
        float[] values = codebook.toArray();
        if (hasOwnCodebook()) {
            for (int k = 0; k < values.length; k++) {
                values[k] = ScaleType.round(DType.F16, values[k]);
                requireFinite(BlockFormat.CODEBOOK, values[k]);
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
        byte[] stored = new byte[codes.length];
        for (int i = 0; i < stored.length; i++) {
            stored[i] = newCode[codes[i] & 0xff];
        }
        MemorySegment packed = PackedCodes.pack(stored, format.codeBits());
        Codebook ofValues = hasOwnCodebook() ? Codebook.ofValues(sorted) : original.codebook();
        return BlockMatrix.of(rows(), columns(), format, packed, roundedScales(), ofValues);
    }

    private EncodedScales roundedScales() {
        float[] rounded = scales.toArray();
        DType type = switch (format.scales()) {
            case ScaleFormat.OneLevel one -> one.type();
            case ScaleFormat.TwoLevel two -> two.superType();
        };
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] = ScaleType.round(type, Math.max(0, rounded[i]));
            requireFinite(BlockFormat.SCALES, rounded[i]);
        }
        if (!(format.scales() instanceof ScaleFormat.TwoLevel two)) {
            return new EncodedScales(rounded, scaleCodes, new float[0], 0f);
        }
        float start = Math.max(0, offset.get(0, 0));
        requireFinite(BlockFormat.OFFSET, start);
        float[] decoded = EncodedScales.decode(two, scaleCodes, rounded, start);
        if (decoded == null) {
            requireFinite(BlockFormat.SUPER_SCALES, Float.POSITIVE_INFINITY);
        }
        return new EncodedScales(decoded, scaleCodes, rounded, start);
    }

    private static void requireFinite(String part, float value) {
        if (!Float.isFinite(value)) {
            throw InvalidRequestException.impossible("training has driven part " + part + " to " + value
                    + " in its stored type; use a smaller learning rate");
        }
    }

    @Override
    public void close() {
        codebook.close();
        scales.close();
        offset.close();
    }
}
