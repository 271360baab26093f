package dev.lowbit.cuda.kernels;

import dev.lowbit.matrix.block.BlockMatrix;

/** Codes as they are stored, the values they stand for, scales. */
final class BlockOnDevice extends PackedOnDevice {
    private static final String NAME = "block";

    private final BlockMatrix matrix;
    private final long codes;
    private final long values;
    private final ScalesOnDevice scales;
    private final Lookup lookup;

    BlockOnDevice(Placement placement, BlockMatrix matrix, Owned memory) {
        super(placement, matrix, memory, NAME);
        this.matrix = matrix;
        this.codes = memory.upload(matrix.parts().getFirst().bytes()).address();
        this.values = memory.upload(matrix.codebook().values()).address();
        this.scales = ScalesOnDevice.of(memory, matrix.scales());
        this.lookup = matrix.blocksOfRow() == 0
                ? null
                : Lookup.ofCodes(
                        cuda(),
                        NAME,
                        matrix.blockFormat().codeBits(),
                        matrix.blockFormat().groupSize(),
                        rows(),
                        columns());
    }

    @Override
    Arguments own() {
        return new Arguments()
                .pointer(codes)
                .pointer(values)
                .scales(scales)
                .integer(matrix.blockFormat().codeBits())
                .integer(matrix.blockFormat().groupSize())
                .integer(matrix.blocksOfRow())
                .integer(rows())
                .integer(columns());
    }

    @Override
    Lookup lookup() {
        return lookup;
    }
}
