package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;
import java.util.HashMap;
import java.util.Map;

/**
 * Memory for activations, kept between steps: a slot grows to the largest matrix it ever held. Not for concurrent use; closing
 * it frees everything.
 */
public final class Workspace implements AutoCloseable {
    private final Map<String, FloatMatrix> slots = new HashMap<>();

    /** A rows x columns view of a slot's memory, which holds what the slot last held; earlier views of it are void. */
    public FloatMatrix matrix(String slot, int rows, int columns) {
        long size = (long) rows * columns;
        FloatMatrix whole = slots.get(slot);
        if (whole == null || whole.size() < size) {
            if (whole != null) {
                whole.close();
            }
            whole = FloatMatrix.allocate(rows, columns);
            slots.put(slot, whole);
        }
        return FloatMatrix.wrap(rows, columns, whole.segment().asSlice(0, size * Float.BYTES));
    }

    @Override
    public void close() {
        slots.values().forEach(FloatMatrix::close);
        slots.clear();
    }
}
