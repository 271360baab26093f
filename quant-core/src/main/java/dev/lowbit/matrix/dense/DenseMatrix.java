package dev.lowbit.matrix.dense;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.LargeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;

/**
 * A matrix of 16- or 32-bit floats: what is too precious to quantize. Immutable.
 *
 * <p>Weights of a mapped file are multiplied where they lie: a file that is truncated meanwhile ends the product with an InternalError, or in compiled vector code with the JVM.
 */
public final class DenseMatrix implements QuantizedMatrix {
    private static final Conversions CONVERSIONS = Conversions.get();
    private static final int ROWS_PER_TASK = 64;
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int rows;
    private final int columns;
    private final DenseFormat format;
    private final Part weight;

    DenseMatrix(int rows, int columns, DenseFormat format, Part weight) {
        this.rows = rows;
        this.columns = columns;
        this.format = format;
        this.weight = offHeap(weight);
        for (long i = 0; i < (long) rows * columns; i++) {
            if (!Float.isFinite(load(i))) {
                throw new MalformedPartException(
                        DenseFormat.WEIGHT,
                        "holds " + load(i) + " at row " + i / columns + ", column " + i % columns
                                + "; weights are finite");
            }
        }
    }

    /**
     * Rounds each weight to nearest even.
     *
     * @param weights rows x columns, finite; not modified
     * @param type F16, BF16 or F32
     * @throws InvalidRequestException when a weight overflows the type
     */
    public static DenseMatrix of(FloatMatrix weights, DType type) {
        DenseFormat format = new DenseFormat(type);
        long bytes = Math.multiplyExact(weights.size(), (long) type.bytes());
        MemorySegment stored = LargeMemory.allocate(bytes, Long.BYTES, Arena.ofAuto());
        for (long i = 0; i < weights.size(); i++) {
            float value = weights.segment().getAtIndex(ValueLayout.JAVA_FLOAT, i);
            if (!Float.isFinite(value)) {
                throw new NonFiniteWeightException((int) (i / weights.columns()), (int) (i % weights.columns()), value);
            }
            store(stored, type, i, value);
            if (!Float.isFinite(load(stored, type, i * type.bytes()))) {
                throw InvalidRequestException.impossible("the weight " + value + " at row " + i / weights.columns()
                        + ", column " + i % weights.columns() + " overflows " + type + "; use bf16 or f32");
            }
        }
        Part part =
                new Part(DenseFormat.WEIGHT, type, List.of((long) weights.rows(), (long) weights.columns()), stored);
        return new DenseMatrix(weights.rows(), weights.columns(), format, part);
    }

    /** Products read the weights as they are stored, and vectors of a segment on the heap are slow ({@link dev.lowbit.kernel.FloatSpan}). */
    private static Part offHeap(Part part) {
        if (part.bytes().isNative()) {
            return part;
        }
        MemorySegment copy = LargeMemory.allocate(part.bytes().byteSize(), Long.BYTES, Arena.ofAuto());
        copy.copyFrom(part.bytes());
        return new Part(part.name(), part.type(), part.shape(), copy);
    }

    private static void store(MemorySegment to, DType type, long index, float value) {
        switch (type) {
            case F16 -> to.setAtIndex(SHORT, index, Float.floatToFloat16(value));
            case BF16 -> {
                int bits = Float.floatToRawIntBits(value);
                to.setAtIndex(SHORT, index, (short) ((bits + 0x7fff + ((bits >>> Short.SIZE) & 1)) >>> Short.SIZE));
            }
            default -> to.setAtIndex(FLOAT, index, value);
        }
    }

    private float load(long index) {
        return load(weight.bytes(), format.type(), index * format.type().bytes());
    }

    /** The value of a type that starts at a byte. */
    static float load(MemorySegment from, DType type, long offset) {
        return switch (type) {
            case F16 -> Float.float16ToFloat(from.get(SHORT, offset));
            case BF16 -> Float.intBitsToFloat(from.get(SHORT, offset) << Short.SIZE);
            default -> from.get(FLOAT, offset);
        };
    }

    @Override
    public int rows() {
        return rows;
    }

    @Override
    public int columns() {
        return columns;
    }

    @Override
    public String format() {
        return format.id();
    }

    @Override
    public List<Part> parts() {
        return List.of(weight);
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        workers.forEach(Math.ceilDiv(out.rows(), ROWS_PER_TASK), task -> {
            int first = task * ROWS_PER_TASK;
            int count = Math.min(ROWS_PER_TASK, out.rows() - first);
            widen(fromRow + first, count, out.segment(), (long) first * columns * Float.BYTES);
        });
    }

    /** @param target floats; modified from byte {@code offset} on */
    private void widen(int row, int count, MemorySegment target, long offset) {
        long from = (long) row * columns * format.type().bytes();
        long values = (long) count * columns;
        switch (format.type()) {
            case F16 -> CONVERSIONS.widenF16(weight.bytes(), from, target, offset, values);
            case BF16 -> CONVERSIONS.widenBf16(weight.bytes(), from, target, offset, values);
            default ->
                MemorySegment.copy(
                        weight.bytes(), FLOAT, from, target, ValueLayout.JAVA_FLOAT_UNALIGNED, offset, values);
        }
    }

    @Override
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.checkMultiply(this, x, y);
        if (x.rows() > DecodedProducts.FEW_TOKENS) {
            DecodedProducts.multiply(this, x, y, workers);
            return;
        }
        FewTokens.multiply(format.type(), weight.bytes(), x, y, workers);
    }
}
