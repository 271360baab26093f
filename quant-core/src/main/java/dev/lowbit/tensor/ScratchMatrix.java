package dev.lowbit.tensor;

import java.lang.foreign.MemorySegment;

/**
 * Matrices that do not outlive a call. Memory of small ones is kept from call to call, because a product of one token takes little longer than allocating them and closing the shared
 * arena that other threads need, which stops them all. For one thread at a time, usually in a {@link ThreadLocal} of whoever needs it; others may work on what it gave out.
 */
public final class ScratchMatrix {
    private static final long MOST_KEPT = 1 << 20;

    private float[] memory = {};

    /**
     * A matrix with whatever values are there: in an array, which kernels like best, or off-heap where it is not kept.
     *
     * @return rows x columns, valid until the next call or until it is closed
     */
    public FloatMatrix of(int rows, int columns) {
        long bytes = (long) rows * columns * Float.BYTES;
        if (bytes > MOST_KEPT) {
            return FloatMatrix.allocate(rows, columns);
        }
        if (memory.length < rows * columns) {
            memory = new float[rows * columns];
        }
        return FloatMatrix.wrap(rows, columns, MemorySegment.ofArray(memory).asSlice(0, bytes));
    }
}
