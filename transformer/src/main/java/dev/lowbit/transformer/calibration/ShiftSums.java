package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gram;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Sums over tokens of x̂ x̂ᵀ and (x - x̂) x̂ᵀ, in double. Owns its memory. */
final class ShiftSums implements AutoCloseable {
    private final int size;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment gram;
    private final MemorySegment cross;

    ShiftSums(int size) {
        this.size = size;
        this.gram = arena.allocate(InputSums.bytes(size), Double.BYTES);
        this.cross = arena.allocate(InputSums.bytes(size), Double.BYTES);
    }

    /**
     * Adds a batch.
     *
     * @param x tokens x inputs, x̂; not modified
     * @param shift tokens x inputs, x - x̂; not modified
     */
    void add(FloatMatrix x, FloatMatrix shift, Workers workers) {
        Gram.accumulate(x, gram, workers);
        Gram.accumulate(shift, x, cross, workers);
    }

    /** The moments over {@code tokens} tokens, in memory that the caller closes. */
    ShiftedInputs moments(long tokens) {
        return new ShiftedInputs(mean(gram, tokens), mean(cross, tokens));
    }

    private FloatMatrix mean(MemorySegment sums, long tokens) {
        FloatMatrix mean = FloatMatrix.allocate(size, size);
        for (int i = 0; i < size; i++) {
            for (int j = 0; j < size; j++) {
                mean.set(i, j, (float) (sums.getAtIndex(ValueLayout.JAVA_DOUBLE, (long) i * size + j) / tokens));
            }
        }
        return mean;
    }

    @Override
    public void close() {
        arena.close();
    }
}
