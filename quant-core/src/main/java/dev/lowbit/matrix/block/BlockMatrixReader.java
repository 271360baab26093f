package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.matrix.scale.StoredScales;
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
        PackedCodes.requirePadding(parts.get(BlockFormat.CODES), geometry.size(), format.codeBits());
        StoredScales scales = StoredScales.read(format.scales(), Math.toIntExact(geometry.blocks()), parts);
        Codebook codebook = format.codebook().isStored()
                ? readCodebook(parts.get(BlockFormat.CODEBOOK))
                : format.codebook().standard(format.codeBits());
        return new BlockMatrix(rows, columns, format, codebook, ordered, scales);
    }

    private static Codebook readCodebook(Part part) {
        try {
            return Codebook.ofValues(ScaleType.read(DType.F16, part.bytes()));
        } catch (IllegalArgumentException e) {
            throw new MalformedPartException(part.name(), "is no codebook: " + e.getMessage());
        }
    }
}
