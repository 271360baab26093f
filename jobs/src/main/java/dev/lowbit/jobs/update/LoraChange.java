package dev.lowbit.jobs.update;

import dev.lowbit.kernel.Conversions;
import dev.lowbit.kernel.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * W + s B A, with W outputs x inputs, or its transpose where the base stores matrices inputs x outputs. The products run in double over the rank in
 * order, the sum is rounded once.
 *
 * @param adapter holds the factors
 * @param b name of B, outputs x rank
 * @param a name of A, rank x inputs
 * @param rank r, at least 1
 * @param scaling s
 * @param transposed whether W is inputs x outputs
 * @param workers who may do the rows; the result is the same for all
 */
record LoraChange(
        UpdateValues adapter, String b, String a, int rank, double scaling, boolean transposed, Workers workers)
        implements TensorChange {
    @Override
    public void addTo(MemorySegment tensor) {
        // workers read what is allocated here
        try (Arena arena = Arena.ofShared()) {
            MemorySegment left = adapter.values(b, arena);
            MemorySegment right = adapter.values(a, arena);
            if (transposed) {
                MemorySegment inputs = transposed(right, rank, arena);
                right = transposed(left, (int) (left.byteSize() / Float.BYTES / rank), arena);
                left = inputs;
            }
            add(tensor, left, right);
        }
    }

    /** tensor += s left right, rows x rank times rank x columns. */
    private void add(MemorySegment tensor, MemorySegment left, MemorySegment right) {
        int rows = (int) (left.byteSize() / Float.BYTES / rank);
        int columns = (int) (right.byteSize() / Float.BYTES / rank);
        workers.forEach(rows, row -> {
            double[] sums = new double[columns];
            for (int k = 0; k < rank; k++) {
                double factor = get(left, (long) row * rank + k);
                for (int j = 0; j < columns; j++) {
                    sums[j] = Math.fma(factor, get(right, (long) k * columns + j), sums[j]);
                }
            }
            for (int j = 0; j < columns; j++) {
                long at = (long) row * columns + j;
                tensor.setAtIndex(
                        ValueLayout.JAVA_FLOAT_UNALIGNED, at, (float) Math.fma(scaling, sums[j], get(tensor, at)));
            }
        });
    }

    /** A rows x columns matrix as columns x rows. */
    private static MemorySegment transposed(MemorySegment matrix, int rows, Arena arena) {
        MemorySegment result = arena.allocate(matrix.byteSize(), Float.BYTES);
        Conversions.transpose(matrix, rows, (int) (matrix.byteSize() / Float.BYTES / rows), result, 0, rows);
        return result;
    }

    private static double get(MemorySegment floats, long index) {
        return floats.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, index);
    }
}
