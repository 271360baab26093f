package dev.lowbit.kernel;

/** The court, which here has the bits of the SIMD form too: the definition leaves nothing to choose. */
public final class ScalarDoubleGemmKernel implements DoubleGemmKernel {
    @Override
    public void multiply(double[] a, double[] b, double[] c, int rows, int lanes, int depth) {
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < lanes; j++) {
                double sum = 0;
                for (int k = 0; k < depth; k++) {
                    sum = Math.fma(a[i * DEPTH + k], b[k * LANE_STRIDE + j], sum);
                }
                c[i * LANE_STRIDE + j] += sum;
            }
        }
    }
}
