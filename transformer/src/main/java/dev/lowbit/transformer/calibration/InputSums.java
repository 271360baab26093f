package dev.lowbit.transformer.calibration;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gram;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Sums over tokens of x and x xᵀ, in double. Owns its memory. */
final class InputSums implements AutoCloseable {
    private final String owner;
    private final int size;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment gram;
    private final double[] sums;

    InputSums(String owner, int size) {
        this.owner = owner;
        this.size = size;
        this.gram = arena.allocate(bytes(size), Double.BYTES);
        this.sums = new double[size];
    }

    /** Bytes of the sums over inputs of that size. */
    static long bytes(int size) {
        return Math.multiplyExact((long) size * size, (long) Double.BYTES);
    }

    String owner() {
        return owner;
    }

    /** @param x tokens x inputs; not modified */
    void add(FloatMatrix x, Workers workers) {
        Gram.accumulate(x, gram, workers);
        Columns.forEach(x, workers, (column, value) -> sums[column] += value);
    }

    /** The moments over {@code tokens} tokens, in memory that the caller closes. */
    LayerStatistics.Inputs moments(long tokens) {
        FloatMatrix moment = FloatMatrix.allocate(size, size);
        float[] mean = new float[size];
        float[] norm = new float[size];
        for (int i = 0; i < size; i++) {
            mean[i] = (float) (sums[i] / tokens);
            norm[i] = (float) Math.sqrt(at(i, i));
            for (int j = 0; j < size; j++) {
                moment.set(i, j, (float) (at(i, j) / tokens));
            }
        }
        return new LayerStatistics.Inputs(owner, moment, mean, norm);
    }

    private double at(int row, int column) {
        return gram.getAtIndex(ValueLayout.JAVA_DOUBLE, (long) row * size + column);
    }

    @Override
    public void close() {
        arena.close();
    }
}
