package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/** Keys (turned by their positions) and values of one sequence's tokens so far, a pair of matrices for each layer. */
public final class KeyValueCache implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final List<FloatMatrix> keys = new ArrayList<>();
    private final List<FloatMatrix> values = new ArrayList<>();
    private int length;

    KeyValueCache(ModelShape shape, int capacity) {
        for (int layer = 0; layer < shape.layers(); layer++) {
            keys.add(FloatMatrix.allocate(capacity, shape.keyValueWidth(), arena));
            values.add(FloatMatrix.allocate(capacity, shape.keyValueWidth(), arena));
        }
    }

    /** Tokens held. */
    public int length() {
        return length;
    }

    /** Most tokens it can hold. */
    public int capacity() {
        return keys.getFirst().rows();
    }

    /** Forgets all tokens. */
    public void clear() {
        length = 0;
    }

    void advance(int tokens) {
        length += tokens;
    }

    FloatMatrix keys(int layer) {
        return keys.get(layer);
    }

    FloatMatrix values(int layer) {
        return values.get(layer);
    }

    @Override
    public void close() {
        arena.close();
    }
}
