package dev.lowbit.cuda.kernels;

import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.TableFormat;

/** Codes as they are stored, and the tables: floats as they are stored, coded ones as 32-bit floats. */
final class SketchOnDevice extends PackedOnDevice {
    private final SketchFormat format;
    private final long codes;
    private final long tables;
    private final int stored;

    SketchOnDevice(Placement placement, SketchMatrix matrix, Owned memory) {
        super(placement, matrix, memory, "sketch");
        this.format = matrix.sketchFormat();
        this.codes = memory.upload(matrix.parts().getFirst().bytes()).address();
        switch (format.tables()) {
            case TableFormat.Direct direct -> {
                this.tables = memory.upload(matrix.tables().parts().getFirst().bytes())
                        .address();
                this.stored = FloatStored.of(direct.type());
            }
            case TableFormat.Coded coded -> {
                this.tables = memory.upload(matrix.tables().toArray()).address();
                this.stored = FloatStored.F32;
            }
        }
    }

    @Override
    Arguments own() {
        return new Arguments()
                .pointer(codes)
                .pointer(tables)
                .integer(stored)
                .integer(format.codeBits())
                .integer(format.groups())
                .integer(format.groupColumns(columns()))
                .integer(rows())
                .integer(columns());
    }

    /** Each row has values of its own, so no table of products serves two rows. */
    @Override
    Lookup lookup() {
        return null;
    }
}
