package dev.lowbit.cuda.kernels;

import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;

/** Codes, scales and codewords as they are stored. */
final class AdditiveOnDevice extends PackedOnDevice {
    private static final String NAME = "additive";

    /** Codes in the 32 bits that a lane looks up together. */
    private static final int CODES_OF_LANE = 4;

    private final AdditiveFormat format;
    private final long codes;
    private final ScalesOnDevice scales;
    private final long words;
    private final Lookup lookup;

    AdditiveOnDevice(Placement placement, AdditiveMatrix matrix, Owned memory) {
        super(placement, matrix, memory, NAME);
        this.format = matrix.additiveFormat();
        this.codes = memory.upload(matrix.parts().getFirst().bytes()).address();
        this.scales = ScalesOnDevice.of(memory, matrix.scales());
        this.words = memory.upload(matrix.parts().getLast().bytes()).address();
        this.lookup = lookupOf();
    }

    /** Codes of one byte whose tiles are one row high, when a lane's codes are whole tiles of one scale. */
    private Lookup lookupOf() {
        int books = format.codebooks();
        if (!Lookup.suits(cuda(), rows())
                || format.codeBits() != Byte.SIZE
                || format.outGroup() != 1
                || CODES_OF_LANE % books != 0) {
            return null;
        }
        int tiles = CODES_OF_LANE / books;
        int columnsOfLane = tiles * format.inGroup();
        boolean oneScale = format.scalesOfRow(columns()) == 1 || format.tilesOfScale(columns()) % tiles == 0;
        return oneScale && columns() % columnsOfLane == 0
                ? new Lookup(NAME + "_lookup" + books, columnsOfLane, 16)
                : null;
    }

    @Override
    Arguments own() {
        return new Arguments()
                .pointer(codes)
                .pointer(words)
                .scales(scales)
                .integer(format.codebooks())
                .integer(format.codeBits())
                .integer(format.inGroup())
                .integer(format.outGroup())
                .integer(format.tilesOfScale(columns()))
                .integer(format.scalesOfRow(columns()))
                .integer(rows())
                .integer(columns());
    }

    @Override
    Lookup lookup() {
        return lookup;
    }
}
