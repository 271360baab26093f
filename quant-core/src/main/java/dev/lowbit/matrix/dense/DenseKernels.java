package dev.lowbit.matrix.dense;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;

/** The verb of floats as they are stored. Every implementation gives the same bits. */
interface DenseKernels {
    /** Virtual lanes of a horizontal sum. */
    int LANES = Lanes.COUNT;

    /** The kernels of this process. */
    static DenseKernels get() {
        return Holder.KERNELS;
    }

    /**
     * Adds the product of a row with x to 16 lanes: for i ascending, lane i mod 16 += w_i x_i, fused.
     *
     * @param type F16, BF16 or F32, finite
     * @param weights little-endian, of any alignment
     * @param offset of the row's first byte
     * @param lanes 16 sums; modified
     */
    void dot(DType type, MemorySegment weights, long offset, int count, float[] x, int xFrom, float[] lanes);

    /** Delays the choice until the first use. */
    final class Holder {
        private static final DenseKernels KERNELS =
                KernelLookup.choose(ScalarDenseKernels::new, () -> new VectorDenseKernels());

        private Holder() {}
    }
}
