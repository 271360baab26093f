package dev.lowbit.matrix.scale;

import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.tensor.DType;
import java.util.List;
import java.util.Map;

/**
 * The scales of a matrix that was opened: checked once, decoded to a float per block at the first use and kept. Safe for concurrent
 * reading.
 */
public final class StoredScales {
    private final ScaleFormat format;
    private final int blocks;
    private final List<Part> parts;
    private final float[] superScales;
    private final float offset;
    private volatile float[] values;

    private StoredScales(
            ScaleFormat format, int blocks, List<Part> parts, float[] superScales, float offset, float[] values) {
        this.format = format;
        this.blocks = blocks;
        this.parts = parts;
        this.superScales = superScales;
        this.offset = offset;
        this.values = values;
    }

    /** What a quantizer decided. */
    public static StoredScales of(ScaleFormat format, EncodedScales scales) {
        List<Part> parts = switch (format) {
            case ScaleFormat.OneLevel one -> List.of(ScaleType.part(ScaleFormat.SCALES, one.type(), scales.values()));
            case ScaleFormat.TwoLevel two ->
                List.of(
                        Part.of(ScaleFormat.SCALE_CODES, DType.U8, PackedCodes.pack(scales.codes(), two.codeBits())),
                        ScaleType.part(ScaleFormat.SUPER_SCALES, two.superType(), scales.superScales()),
                        ScaleType.part(ScaleFormat.OFFSET, DType.F32, new float[] {scales.offset()}));
        };
        return new StoredScales(
                format, scales.values().length, parts, scales.superScales(), scales.offset(), scales.values());
    }

    /**
     * Opens stored parts whose types and sizes are known to be right.
     *
     * @param parts by name; those of {@link ScaleFormat#layout} are read
     * @throws MalformedPartException when a value cannot be
     */
    public static StoredScales read(ScaleFormat format, int blocks, Map<String, Part> parts) {
        List<Part> own = format.layout(blocks).stream()
                .map(spec -> parts.get(spec.name()))
                .toList();
        return switch (format) {
            case ScaleFormat.OneLevel one ->
                new StoredScales(
                        format, blocks, own, new float[0], 0f, readScales(parts.get(ScaleFormat.SCALES), one.type()));
            case ScaleFormat.TwoLevel two -> {
                Part codes = parts.get(ScaleFormat.SCALE_CODES);
                PackedCodes.requirePadding(codes, blocks, two.codeBits());
                float[] superScales = readScales(parts.get(ScaleFormat.SUPER_SCALES), two.superType());
                float offset = readScales(parts.get(ScaleFormat.OFFSET), DType.F32)[0];
                checkRange(two, superScales, offset);
                yield new StoredScales(format, blocks, own, superScales, offset, null);
            }
        };
    }

    private static float[] readScales(Part part, DType type) {
        float[] values = ScaleType.read(type, part.bytes());
        for (int i = 0; i < values.length; i++) {
            if (!(values[i] >= 0 && values[i] <= Float.MAX_VALUE)) {
                throw new MalformedPartException(
                        part.name(), "holds " + values[i] + " at index " + i + "; scales are finite and not negative");
            }
        }
        return values;
    }

    /** The decoded scale grows with its code, so the largest code decides whether all are finite. */
    private static void checkRange(ScaleFormat.TwoLevel format, float[] superScales, float offset) {
        byte[] largest = {(byte) ((1 << format.codeBits()) - 1)};
        ScaleFormat.TwoLevel single = new ScaleFormat.TwoLevel(format.codeBits(), 1, format.superType());
        for (int i = 0; i < superScales.length; i++) {
            if (EncodedScales.decode(single, largest, new float[] {superScales[i]}, offset) == null) {
                throw new MalformedPartException(
                        ScaleFormat.SUPER_SCALES,
                        "holds " + superScales[i] + " at index " + i + "; its scales overflow a float");
            }
        }
    }

    /** The stored parts, in the order of {@link ScaleFormat#layout}. */
    public List<Part> parts() {
        return parts;
    }

    /** How they are stored. */
    public ScaleFormat format() {
        return format;
    }

    /** The scale of every block; not a copy: do not modify. */
    public float[] values() {
        float[] scales = values;
        if (scales == null) {
            scales = EncodedScales.decode((ScaleFormat.TwoLevel) format, codes(), superScales, offset);
            values = scales;
        }
        return scales;
    }

    /** The scale code of every block, unsigned; empty with one level of scales. */
    public byte[] codes() {
        return format instanceof ScaleFormat.TwoLevel two
                ? PackedCodes.unpack(parts.getFirst().bytes(), blocks, two.codeBits())
                : new byte[0];
    }

    /** The scale of every super-block; empty with one level of scales. */
    public float[] superScales() {
        return superScales.clone();
    }

    /** What every block's scale starts from; 0 with one level of scales. */
    public float offset() {
        return offset;
    }
}
