package dev.lowbit.kernel;

/**
 * The inner product of blocks from which every float matrix product is built. A block is a piece of an operand copied into an
 * array of fixed strides, so that the inner loops see constants: rows {@value #MAX_ROWS} x {@value #DEPTH} with stride
 * {@value #DEPTH}; lanes {@value #DEPTH} x {@value #MAX_LANES}, and the result {@value #MAX_ROWS} x {@value #MAX_LANES},
 * with stride {@value #LANE_STRIDE} (more than the lanes, so that the rows of a block don't fall on the same cache sets).
 */
public interface GemmKernel {
    /** Longest chain of fused multiply-adds; part of the definition of every product. */
    int DEPTH = 256;

    /** Rows of a block; a multiple of every tile height. */
    int MAX_ROWS = 288;

    /** Columns of a block of lanes; a multiple of every tile width. */
    int MAX_LANES = 256;

    /** Floats from one row of lanes, or of the result, to the next. */
    int LANE_STRIDE = MAX_LANES + 32;

    /** The implementation in use, chosen once by {@link KernelLookup}. */
    static GemmKernel get() {
        return GemmKernelHolder.CHOSEN;
    }

    /**
     * C = C + A B, where an output of A B is one chain of {@code depth} fused multiply-adds that starts at +0, k ascending.
     * Rows and lanes beyond those asked for, up to the next whole tile, may be overwritten with anything.
     *
     * @param a rows x depth; not modified
     * @param b depth x lanes; not modified
     * @param c rows x lanes; modified
     */
    void multiply(float[] a, float[] b, float[] c, int rows, int lanes, int depth);
}

/** Delays the choice until the first use. */
final class GemmKernelHolder {
    static final GemmKernel CHOSEN = KernelLookup.choose(ScalarGemmKernel::new, () -> new VectorGemmKernel());

    private GemmKernelHolder() {}
}
