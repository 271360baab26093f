package dev.lowbit.matrix.affine;

import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.StoredScales;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Opens stored parts of an affine format whose types and sizes are known to be right; checks every value that could not be. */
final class AffineMatrixReader {
    private AffineMatrixReader() {}

    static AffineMatrix read(AffineFormat format, int rows, int columns, Map<String, Part> parts) {
        List<Part> ordered = new ArrayList<>();
        for (PartSpec spec : format.layout(rows, columns)) {
            ordered.add(parts.get(spec.name()));
        }
        int groups = format.groups(rows, columns);
        PackedCodes.requirePadding(parts.get(AffineFormat.CODES), (long) rows * columns, format.codeBits());
        StoredScales scales = StoredScales.read(format.scales(), groups, parts);
        return new AffineMatrix(
                rows,
                columns,
                format,
                ordered,
                scales,
                format.symmetric()
                        ? AffineMatrix.middles(format, rows, columns)
                        : readZeros(parts.get(AffineFormat.ZEROS), groups, format.codeBits()),
                format.indexed()
                        ? readIndex(parts.get(AffineFormat.GROUP_INDEX), format.groupsOfRow(columns))
                        : new int[0]);
    }

    private static byte[] readZeros(Part part, int groups, int bits) {
        PackedCodes.requirePadding(part, groups, bits);
        return PackedCodes.unpack(part.bytes(), groups, bits);
    }

    private static int[] readIndex(Part part, int groups) {
        int[] index = AffineMatrix.readIndex(part.bytes());
        for (int j = 0; j < index.length; j++) {
            if (index[j] < 0 || index[j] >= groups) {
                throw new MalformedPartException(
                        part.name(),
                        "holds " + index[j] + " at index " + j + "; a row has the groups 0 to " + (groups - 1));
            }
        }
        return index;
    }
}
