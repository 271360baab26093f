package dev.lowbit.matrix.aqlm;

import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.WideCodes;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;

/** Reads a matrix from the exchange layout: the values that readers compute in float, bit for bit. */
public final class AqlmUnpacker {
    /** Codes unpacked at once; they fill whole bytes. */
    private static final int STEP = 1 << 16;

    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final AqlmLayout layout;
    private final float[] codebooks;
    private final float[] scales;

    /**
     * Reads all but the codes.
     *
     * @param layer for messages
     * @param codebooks of the shape that the layout says, like the scales; F16 or BF16; not modified
     * @throws MalformedPartException when a value is no number
     * @throws UnsupportedModelException when a value is beyond F16 or between two of its numbers, or a scale is negative
     */
    public AqlmUnpacker(String layer, AqlmLayout layout, Part codebooks, Part scales) {
        this.layout = layout;
        this.codebooks = halves(layer, codebooks);
        this.scales = halves(layer, scales);
        for (int p = 0; p < this.scales.length; p++) {
            if (this.scales[p] < 0) {
                throw new UnsupportedModelException(layer + ": the scale " + this.scales[p] + " at index " + p
                        + " is negative; " + layout.exact().id() + " has none below 0");
            }
        }
    }

    private static float[] halves(String layer, Part part) {
        float[] values = ScaleType.read(part.type(), part.bytes());
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new MalformedPartException(
                        part.name(), "holds " + values[i] + " at index " + i + "; its values are finite");
            }
            if (ScaleType.round(DType.F16, values[i]) != values[i]) {
                throw new UnsupportedModelException(layer + ": " + part.name() + " is " + part.type() + " and holds "
                        + values[i] + " at index " + i + ", which F16, in which we store it, has not");
            }
        }
        return values;
    }

    /**
     * The whole matrix, in the format {@link AqlmLayout#exact}.
     *
     * @param codes of the type and shape that the layout says; not modified
     * @throws MalformedPartException when a code does not belong to a codebook
     */
    public QuantizedMatrix unpack(Part codes) {
        AdditiveFormat format = layout.exact();
        Map<String, Part> parts = new LinkedHashMap<>();
        for (PartSpec spec : format.layout(layout.rows(), layout.columns())) {
            MemorySegment bytes = switch (spec.name()) {
                case AqlmLayout.CODES -> pack(codes.bytes());
                case AqlmLayout.CODEBOOKS ->
                    ScaleType.part(spec.name(), DType.F16, codebooks).bytes();
                default -> ScaleType.part(spec.name(), DType.F16, scales).bytes();
            };
            parts.put(spec.name(), new Part(spec.name(), spec.type(), spec.shape(), bytes));
        }
        return format.read(layout.rows(), layout.columns(), parts);
    }

    private MemorySegment pack(MemorySegment stored) {
        int bits = layout.format().codeBits();
        long count = layout.codeCount();
        MemorySegment packed = PackedCodes.allocate(count, bits);
        if (bits == layout.codeType().bits()) {
            return packed.copyFrom(stored);
        }
        for (long from = 0; from < count; from += STEP) {
            MemorySegment some = WideCodes.pack(unwrapped(stored, from, (int) Math.min(STEP, count - from)), bits);
            MemorySegment.copy(some, 0, packed, from / Byte.SIZE * bits, some.byteSize());
        }
        return packed;
    }

    /** Codes modulo 2^B. Writers may leave those from 2^(B-1) on as they are. */
    private int[] unwrapped(MemorySegment stored, long from, int count) {
        int entries = layout.format().entries();
        int[] codes = new int[count];
        for (int i = 0; i < count; i++) {
            int code = layout.codeType() == DType.I8
                    ? stored.get(ValueLayout.JAVA_BYTE, from + i)
                    : stored.getAtIndex(SHORT, from + i);
            if (code < -entries / 2 || code >= entries) {
                throw new MalformedPartException(
                        AqlmLayout.CODES,
                        "holds " + code + " at index " + (from + i) + "; codes of "
                                + layout.format().codeBits() + " bits are " + -entries / 2 + " to " + (entries - 1));
            }
            codes[i] = code & entries - 1;
        }
        return codes;
    }
}
