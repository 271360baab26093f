package dev.lowbit.store;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.tensor.DType;
import java.util.Comparator;
import java.util.List;

/**
 * A tensor of an output weight file: a part of a compressed matrix or of a shared set, or a tensor of the source carried over.
 *
 * @param name its name in the output
 * @param type element type
 * @param shape dimensions
 * @param owner index among {@link ModelLayout#owners} of whom it is a part, or -1
 * @param part the part's name, or null
 */
record StoredTensor(String name, DType type, List<Long> shape, int owner, String part) {
    /** The order inside a weight file. */
    static final Comparator<StoredTensor> FILE_ORDER =
            Comparator.comparing(StoredTensor::entry, SafetensorsWriter.Entry.ALIGNED);

    SafetensorsWriter.Entry entry() {
        return new SafetensorsWriter.Entry(name, type, shape);
    }

    boolean isPart() {
        return owner >= 0;
    }
}
