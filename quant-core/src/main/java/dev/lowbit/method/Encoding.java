package dev.lowbit.method;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseFormat;
import dev.lowbit.matrix.dense.DenseMatrix;

/** The way back from trained floats into a stored format. */
final class Encoding {
    private Encoding() {}

    static QuantizedMatrix encode(Tunable.TrainablePart part, String format, Workers workers) {
        MatrixFormat parsed = MatrixFormats.parse(format);
        try {
            return switch (parsed) {
                case BlockFormat blocks -> BlockQuantizer.quantize(part.values(), blocks, workers);
                case DenseFormat dense -> DenseMatrix.of(part.values(), dense.type());
                default -> throw new IllegalArgumentException(format + " is neither blocks nor dense");
            };
        } catch (NonFiniteWeightException e) {
            throw InvalidRequestException.beyondFormat("training has driven part " + part.name() + " to " + e.value()
                    + " at row " + e.row() + ", column " + e.column() + "; use a smaller learning rate");
        }
    }
}
