package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Opens stored parts of a block format whose types and sizes are known to be right; checks every value that could not be. */
final class BlockMatrixReader {
    private BlockMatrixReader() {}

    static BlockMatrix read(BlockFormat format, int rows, int columns, Map<String, Part> parts) {
        BlockGeometry geometry = format.geometry(rows, columns);
        List<Part> ordered = new ArrayList<>();
        for (PartSpec spec : format.layout(rows, columns)) {
            ordered.add(parts.get(spec.name()));
        }
        checkPadding(parts.get(BlockFormat.CODES), geometry.size(), format.codeBits());
        float[] superScales = {};
        float offset = 0f;
        float[] scales = null;
        switch (format.scales()) {
            case ScaleFormat.OneLevel one -> scales = readScales(parts.get(BlockFormat.SCALES), one.type());
            case ScaleFormat.TwoLevel two -> {
                checkPadding(parts.get(BlockFormat.SCALE_CODES), geometry.blocks(), two.codeBits());
                superScales = readScales(parts.get(BlockFormat.SUPER_SCALES), two.superType());
                offset = readScales(parts.get(BlockFormat.OFFSET), DType.F32)[0];
                checkRange(two, superScales, offset);
            }
        }
        Codebook codebook = format.codebook().isStored()
                ? readCodebook(parts.get(BlockFormat.CODEBOOK))
                : format.codebook().standard(format.codeBits());
        return new BlockMatrix(rows, columns, format, codebook, ordered, superScales, offset, scales);
    }

    private static void checkPadding(Part part, long count, int bits) {
        if (!PackedCodes.isPaddedWithZeros(part.bytes(), count, bits)) {
            throw new MalformedPartException(
                    part.name(), "has bits set behind its last code; canonical bytes end in zeros");
        }
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
                        BlockFormat.SUPER_SCALES,
                        "holds " + superScales[i] + " at index " + i + "; its scales overflow a float");
            }
        }
    }

    private static Codebook readCodebook(Part part) {
        try {
            return Codebook.ofValues(ScaleType.read(DType.F16, part.bytes()));
        } catch (IllegalArgumentException e) {
            throw new MalformedPartException(part.name(), "is no codebook: " + e.getMessage());
        }
    }
}
