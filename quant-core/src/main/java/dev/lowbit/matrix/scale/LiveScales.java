package dev.lowbit.matrix.scale;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;

/**
 * Scales as floats that may be changed between products, while their codes stay: scale(block) = offset + scaleCode * superScale /
 * (2^bits - 1), or with one level the scale itself. Linear in both. Owns its memory.
 */
public final class LiveScales implements AutoCloseable {
    private final ScaleFormat format;
    private final byte[] codes;
    private final FloatMatrix scales;
    private final FloatMatrix offset;

    /** A live copy. */
    public LiveScales(StoredScales stored) {
        this.format = stored.format();
        this.codes = stored.codes();
        this.scales = owned(isTwoLevel() ? stored.superScales() : stored.values());
        this.offset = owned(new float[] {stored.offset()});
    }

    private static FloatMatrix owned(float[] values) {
        FloatMatrix matrix = FloatMatrix.allocate(1, values.length);
        matrix.copyFrom(FloatMatrix.wrap(1, values.length, values));
        return matrix;
    }

    private boolean isTwoLevel() {
        return format instanceof ScaleFormat.TwoLevel;
    }

    /** Whether there is an {@link #offset()}. */
    public boolean hasOffset() {
        return isTwoLevel();
    }

    /** The super-scales, or with one level the scales, 1 x n; live. */
    public FloatMatrix scales() {
        return scales;
    }

    /** What every block's scale starts from, 1 x 1; live. */
    public FloatMatrix offset() {
        return offset;
    }

    /** d scale(block) / d scales()[index(block)]; 1 with one level. */
    public float share(int block) {
        return format instanceof ScaleFormat.TwoLevel two
                ? (float) Byte.toUnsignedInt(codes[block]) / ((1 << two.codeBits()) - 1)
                : 1;
    }

    /** Where in {@link #scales()} a block's scale comes from. */
    public int index(int block) {
        return format instanceof ScaleFormat.TwoLevel two ? block / two.superGroup() : block;
    }

    /** The scale of every block as it is now. */
    public float[] ofBlocks() {
        float[] live = scales.toArray();
        float start = offset.get(0, 0);
        float[] ofBlocks = new float[isTwoLevel() ? codes.length : live.length];
        for (int block = 0; block < ofBlocks.length; block++) {
            ofBlocks[block] = Math.fma(share(block), live[index(block)], start);
        }
        return ofBlocks;
    }

    /**
     * The scales rounded to their types; those below 0 become 0.
     *
     * @throws InvalidRequestException when one is no number or overflows its type
     */
    public EncodedScales stored() {
        float[] rounded = scales.toArray();
        DType type = switch (format) {
            case ScaleFormat.OneLevel one -> one.type();
            case ScaleFormat.TwoLevel two -> two.superType();
        };
        for (int i = 0; i < rounded.length; i++) {
            rounded[i] = ScaleType.round(type, Math.max(0, rounded[i]));
            requireFinite(ScaleFormat.SCALES, rounded[i]);
        }
        if (!(format instanceof ScaleFormat.TwoLevel two)) {
            return new EncodedScales(rounded, codes, new float[0], 0f);
        }
        float start = Math.max(0, offset.get(0, 0));
        requireFinite(ScaleFormat.OFFSET, start);
        float[] decoded = EncodedScales.decode(two, codes, rounded, start);
        if (decoded == null) {
            requireFinite(ScaleFormat.SUPER_SCALES, Float.POSITIVE_INFINITY);
        }
        return new EncodedScales(decoded, codes, rounded, start);
    }

    /** Refuses a trained value that is no number. */
    public static void requireFinite(String part, float value) {
        if (!Float.isFinite(value)) {
            throw InvalidRequestException.beyondFormat("training has driven part " + part + " to " + value
                    + " in its stored type; use a smaller learning rate");
        }
    }

    @Override
    public void close() {
        scales.close();
        offset.close();
    }
}
