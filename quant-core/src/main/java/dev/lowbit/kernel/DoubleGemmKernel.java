package dev.lowbit.kernel;

/**
 * The twin of {@link GemmKernel} in double, for what must not lose accuracy: Gram matrices and what is solved with them. Rows
 * {@value #MAX_ROWS} x {@value #DEPTH} with stride {@value #DEPTH}; lanes {@value #DEPTH} x {@value #MAX_LANES}, and the result
 * {@value #MAX_ROWS} x {@value #MAX_LANES}, with stride {@value #LANE_STRIDE}.
 */
public interface DoubleGemmKernel {
    /** Longest chain of fused multiply-adds; part of the definition of every product. */
    int DEPTH = 256;

    /** Rows of a block; a multiple of every tile height. */
    int MAX_ROWS = 192;

    /** Columns of a block of lanes; a multiple of every tile width. */
    int MAX_LANES = 192;

    /** Doubles from one row of lanes, or of the result, to the next. */
    int LANE_STRIDE = MAX_LANES + 16;

    /** The implementation in use, chosen once by {@link KernelLookup}. */
    static DoubleGemmKernel get() {
        return DoubleGemmKernelHolder.CHOSEN;
    }

    /**
     * C = C + A B, where an output of A B is one chain of {@code depth} fused multiply-adds that starts at +0, k ascending.
     * Rows and lanes beyond those asked for, up to the next whole tile, may be overwritten with anything.
     *
     * @param a rows x depth; not modified
     * @param b depth x lanes; not modified
     * @param c rows x lanes; modified
     */
    void multiply(double[] a, double[] b, double[] c, int rows, int lanes, int depth);
}

/** Delays the choice until the first use. */
final class DoubleGemmKernelHolder {
    static final DoubleGemmKernel CHOSEN =
            KernelLookup.choose(ScalarDoubleGemmKernel::new, () -> new VectorDoubleGemmKernel());

    private DoubleGemmKernelHolder() {}
}
