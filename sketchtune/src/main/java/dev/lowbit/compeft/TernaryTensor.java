package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * One tensor of a compressed update: s γ, with γ a range of a ternary vector. Used as it is, without being decoded, wherever signs suffice.
 *
 * @param name as in the update
 * @param type element type of the update that was compressed
 * @param shape dimensions, row-major
 * @param signs a vector that may hold other tensors too
 * @param offset where in it this tensor begins
 * @param scale s, finite and at least 0
 * @param energy ||τ||² of this tensor
 * @param squaredError ||τ - s γ||², measured with s as it is stored
 */
public record TernaryTensor(
        String name,
        DType type,
        List<Long> shape,
        TernaryVector signs,
        long offset,
        float scale,
        double energy,
        double squaredError) {
    private static final int CHUNK = 1 << 12;

    public TernaryTensor {
        shape = List.copyOf(shape);
        if (offset < 0 || offset > signs.length() - elements(shape)) {
            throw new IllegalArgumentException(
                    name + " " + shape + " at " + offset + " is not inside a vector of " + signs.length());
        }
    }

    /** Number of entries of a shape. */
    static long elements(List<Long> shape) {
        return shape.contains(0L) ? 0 : shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** Number of entries. */
    public long elements() {
        return elements(shape);
    }

    /** Entries that are not zero. */
    public long nonZeros() {
        return signs.nonZeros(offset, offset + elements());
    }

    /** ||τ - s γ|| / ||τ||; 0 when τ is zero. */
    public double relativeError() {
        return energy == 0 ? 0 : Math.sqrt(squaredError / energy);
    }

    /** Bits of P from entry {@code from} of this tensor on. */
    long plus(long from, int count) {
        return signs.plus(offset + from, count);
    }

    /** Bits of N from entry {@code from} of this tensor on. */
    long minus(long from, int count) {
        return signs.minus(offset + from, count);
    }

    /**
     * Writes s γ.
     *
     * @param as element type of the target: F32 and F64 hold s exactly, F16 and BF16 round it to nearest even
     * @param target as many elements as this tensor has, little-endian; modified (overwritten)
     * @throws InvalidRequestException (impossible) when s is beyond the range of the type
     */
    public void decode(DType as, MemorySegment target) {
        requireSize(as, target);
        target.fill((byte) 0);
        addTo(as, target, 1);
    }

    /**
     * Merges: θ += factor s γ. Entries where γ is 0 keep their value.
     *
     * @param as element type of the target; sums are rounded to F32, then to the type, and for F64 not at all before it
     * @param target θ, as many elements as this tensor has, little-endian; modified
     * @param factor finite; 1 for the update as it is, -1 to take it back
     * @throws InvalidRequestException (impossible) when factor s or a sum is beyond the range of the type; some entries are sums then
     */
    public void addTo(DType as, MemorySegment target, double factor) {
        requireSize(as, target);
        double step = factor * scale;
        if (as == DType.F64) {
            addToDoubles(target, step);
            return;
        }
        Conversions conversions = Conversions.get();
        requireRepresentable(as, step, conversions);
        float[] values = new float[(int) Math.min(CHUNK, elements())];
        MemorySegment floats = MemorySegment.ofArray(values);
        float[] stored = new float[values.length];
        for (long at = 0; at < elements(); at += CHUNK) {
            int count = (int) Math.min(CHUNK, elements() - at);
            long end = offset + at + count;
            if (signs.nextNonZero(offset + at, end) < end) {
                conversions.widen(as, target, at * as.bytes(), floats, 0, count);
                addToFloats(values, at, count, step);
                conversions.narrow(as, floats, 0, target, at * as.bytes(), count);
                conversions.widen(as, target, at * as.bytes(), MemorySegment.ofArray(stored), 0, count);
                requireFinite(as, stored, values, at, count, conversions);
            }
        }
    }

    /**
     * Refuses a sum that its type cannot hold. What was infinite before and is not changed may stay so.
     *
     * @param stored {@code sums} as they are in the type, those of the entries from {@code from} on
     */
    private void requireFinite(DType as, float[] stored, float[] sums, long from, int count, Conversions conversions) {
        long first = conversions.firstNonFinite(MemorySegment.ofArray(stored), 0, count);
        for (int i = (int) first; i >= 0 && i < count; i++) {
            if (!Float.isFinite(stored[i]) && signs.sign(offset + from + i) != 0) {
                throw beyond(as, from + i, sums[i]);
            }
        }
    }

    private InvalidRequestException beyond(DType as, long entry, double sum) {
        return InvalidRequestException.impossible("tensor " + name + " would hold " + sum + " at element " + entry
                + ", beyond the range of " + as + "; use a wider type or a smaller factor");
    }

    private void addToFloats(float[] values, long from, int count, double step) {
        for (int at = 0; at < count; at += Long.SIZE) {
            int part = Math.min(Long.SIZE, count - at);
            for (long bits = plus(from + at, part); bits != 0; bits &= bits - 1) {
                int i = at + Long.numberOfTrailingZeros(bits);
                values[i] = (float) (values[i] + step);
            }
            for (long bits = minus(from + at, part); bits != 0; bits &= bits - 1) {
                int i = at + Long.numberOfTrailingZeros(bits);
                values[i] = (float) (values[i] - step);
            }
        }
    }

    private void addToDoubles(MemorySegment target, double step) {
        long end = offset + elements();
        for (long i = signs.nextNonZero(offset, end); i < end; i = signs.nextNonZero(i + 1, end)) {
            long at = (i - offset) * Double.BYTES;
            double sum = target.get(Elements.DOUBLE, at) + signs.sign(i) * step;
            if (!Double.isFinite(sum)) {
                throw beyond(DType.F64, i - offset, sum);
            }
            target.set(Elements.DOUBLE, at, sum);
        }
    }

    /**
     * The inner product (s₁ γ₁)ᵀ (s₂ γ₂), from counts of bits alone.
     *
     * @throws InvalidRequestException (usage) when the shapes differ
     */
    public double dot(TernaryTensor other) {
        requireSameShape(other);
        long agreeing = 0;
        long opposed = 0;
        for (long at = 0; at < elements(); at += Long.SIZE) {
            int part = (int) Math.min(Long.SIZE, elements() - at);
            long plus = plus(at, part);
            long minus = minus(at, part);
            long otherPlus = other.plus(at, part);
            long otherMinus = other.minus(at, part);
            // no bit is in both masks of a tensor, so the two intersections are disjoint
            agreeing += Long.bitCount(plus & otherPlus | minus & otherMinus);
            opposed += Long.bitCount(plus & otherMinus | minus & otherPlus);
        }
        return (double) scale * other.scale * (agreeing - opposed);
    }

    /**
     * Y = X (s Γ)ᵀ for a matrix Γ, outputs x inputs, by additions and one multiplication for each output. Sums run in double over the inputs in order.
     *
     * @param x tokens x inputs; not modified
     * @param y tokens x outputs; modified (overwritten); must not share memory with x
     * @throws InvalidRequestException (usage) when this tensor is no matrix or shapes do not fit
     */
    public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        TernaryProduct.multiply(this, x, y, workers);
    }

    void requireSameShape(TernaryTensor other) {
        if (!shape.equals(other.shape)) {
            throw InvalidRequestException.usage("tensor " + name + " is " + shape + " and " + other.name + " is "
                    + other.shape + "; updates are combined where their shapes are the same");
        }
    }

    private void requireSize(DType as, MemorySegment target) {
        if (!Elements.isSupported(as)) {
            throw InvalidRequestException.usage(
                    "tensor " + name + " cannot be decoded to " + as + "; F32, F16, BF16 and F64 can be had");
        }
        if (target.byteSize() != elements() * as.bytes()) {
            throw InvalidRequestException.usage("tensor " + name + " is " + shape + ", which is "
                    + elements() * as.bytes() + " bytes of " + as + "; " + target.byteSize() + " were given");
        }
    }

    private void requireRepresentable(DType as, double step, Conversions conversions) {
        MemorySegment value = MemorySegment.ofArray(new float[] {(float) step});
        MemorySegment narrow = MemorySegment.ofArray(new byte[as.bytes()]);
        conversions.narrow(as, value, 0, narrow, 0, 1);
        conversions.widen(as, narrow, 0, value, 0, 1);
        if (conversions.firstNonFinite(value, 0, 1) >= 0) {
            throw InvalidRequestException.impossible(
                    "tensor " + name + " has entries of " + step + ", beyond the range of " + as + "; use F32");
        }
    }
}
