package dev.lowbit.cuda.kernels;

import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;

/** Weights as they are stored, in their one part. */
final class DenseOnDevice extends PackedOnDevice {
    private final long weights;
    private final int stored;

    DenseOnDevice(Placement placement, QuantizedMatrix matrix, Owned memory) {
        super(placement, matrix, memory, "dense");
        Part weight = matrix.parts().getFirst();
        this.weights = memory.upload(weight.bytes()).address();
        this.stored = FloatStored.of(weight.type());
    }

    @Override
    Arguments own() {
        return new Arguments().pointer(weights).integer(stored).integer(rows()).integer(columns());
    }

    @Override
    Lookup lookup() {
        return null;
    }
}
