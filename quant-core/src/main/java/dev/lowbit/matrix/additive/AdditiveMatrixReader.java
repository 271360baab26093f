package dev.lowbit.matrix.additive;

import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.StoredScales;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Opens stored parts of an additive format whose types and sizes are known to be right; checks every value that could not be. A code cannot be
 * wrong, because a codebook has a codeword for each.
 */
final class AdditiveMatrixReader {
    private AdditiveMatrixReader() {}

    static AdditiveMatrix read(AdditiveFormat format, int rows, int columns, Map<String, Part> parts) {
        List<Part> ordered = new ArrayList<>();
        for (PartSpec spec : format.layout(rows, columns)) {
            ordered.add(parts.get(spec.name()));
        }
        PackedCodes.requirePadding(parts.get(AdditiveFormat.CODES), format.codeCount(rows, columns), format.codeBits());
        StoredScales scales = StoredScales.read(format.scales(), format.scaleCount(rows, columns), parts);
        Codewords codewords = Codewords.read(format, parts.get(AdditiveFormat.CODEBOOKS));
        return new AdditiveMatrix(rows, columns, format, ordered, scales, codewords);
    }
}
