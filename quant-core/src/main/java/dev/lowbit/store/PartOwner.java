package dev.lowbit.store;

import java.util.List;

/** Who owns stored parts: a compressed matrix, or a set that several of them share. */
sealed interface PartOwner permits MatrixEntry, SharedParts {
    /** What the names of its tensors begin with, unique in the model. */
    String owner();

    /** The weight file that holds the parts, relative to the model's directory. */
    String file();

    /** Its own stored tensors, in the order of the representation. */
    List<PartEntry> parts();

    /** The name of the tensor that holds a part. */
    default String tensorName(PartEntry part) {
        return owner() + "." + part.name();
    }

    /** Stored bytes of its own parts. */
    default long ownBytes() {
        return parts().stream().mapToLong(PartEntry::bytes).sum();
    }
}
