package dev.lowbit.cuda.kernels;

import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import java.lang.foreign.MemorySegment;

/** Codes as they are stored, scales, a byte for each zero point, the group of each column where it is stored. */
final class AffineOnDevice extends PackedOnDevice {
    private static final String NAME = "affine";

    private final AffineFormat format;
    private final long codes;
    private final ScalesOnDevice scales;
    private final long zeros;
    private final long groupIndex;
    private final Lookup lookup;
    private final long levels;

    AffineOnDevice(Placement placement, AffineMatrix matrix, Owned memory) {
        super(placement, matrix, memory, NAME);
        this.format = matrix.affineFormat();
        this.codes = memory.upload(matrix.parts().getFirst().bytes()).address();
        this.scales = ScalesOnDevice.of(memory, matrix.scales());
        this.zeros = format.symmetric()
                ? 0
                : memory.upload(MemorySegment.ofArray(matrix.zeros())).address();
        this.groupIndex = format.indexed() ? groupIndex(matrix, memory) : 0;
        this.lookup = format.indexed()
                ? null
                : Lookup.ofCodes(cuda(), NAME, format.codeBits(), format.groupColumns(columns()), rows(), columns());
        this.levels = lookup == null ? 0 : levels(format, memory);
    }

    private static long groupIndex(AffineMatrix matrix, Owned memory) {
        int[] groups = new int[matrix.columns()];
        for (int j = 0; j < groups.length; j++) {
            groups[j] = matrix.group(j);
        }
        return memory.upload(MemorySegment.ofArray(groups)).address();
    }

    private static long levels(AffineFormat format, Owned memory) {
        float[] levels = new float[format.largestCode() + 1];
        for (int code = 0; code < levels.length; code++) {
            levels[code] = code - format.middle();
        }
        return memory.upload(levels).address();
    }

    @Override
    Arguments own() {
        return new Arguments()
                .pointer(codes)
                .scales(scales)
                .pointer(zeros)
                .pointer(groupIndex)
                .integer(format.codeBits())
                .integer(format.groupColumns(columns()))
                .integer(format.groupsOfRow(columns()))
                .integer(rows())
                .integer(columns());
    }

    @Override
    Lookup lookup() {
        return lookup;
    }

    @Override
    Arguments forLookup() {
        return own().pointer(levels);
    }
}
