package dev.lowbit.matrix.sketch;

import dev.lowbit.kernel.KernelLookup;
import dev.lowbit.kernel.Lanes;
import dev.lowbit.matrix.packed.Packing;
import java.lang.foreign.MemorySegment;

/**
 * The verbs of sketches, each on the codes of one group. Codes start at a bit from which eight of them lie in one 32-bit word ({@code
 * PackedCodes.load}). Every implementation gives the same bits.
 */
interface SketchKernels {
    /** Virtual lanes of a horizontal sum, and values of a table, shorter ones repeated. */
    int LANES = Lanes.COUNT;

    /** The kernels of this process. */
    static SketchKernels get() {
        return Holder.KERNELS;
    }

    /**
     * table[code] for each code.
     *
     * @param packed readable for {@link Packing#SLACK} bytes behind the group
     * @param table 16 values, those of the group repeated
     * @param out floats; modified from index {@code outIndex} on
     */
    void decode(byte[] packed, int bitOffset, int count, int bits, float[] table, MemorySegment out, long outIndex);

    /**
     * Adds the product of a group with x to 16 lanes: for i ascending, lane i mod 16 += table[code_i] x_i, fused.
     *
     * @param packed readable for {@link Packing#SLACK} bytes behind the group
     * @param table 16 values, those of the group repeated
     * @param lanes 16 sums; modified
     */
    void dot(byte[] packed, int bitOffset, int count, int bits, float[] table, float[] x, int xOffset, float[] lanes);

    /** Delays the choice until the first use. */
    final class Holder {
        private static final SketchKernels KERNELS =
                KernelLookup.choose(ScalarSketchKernels::new, () -> new VectorSketchKernels());

        private Holder() {}
    }
}
