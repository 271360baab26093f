package dev.lowbit.kernel;

/** The court: each output is a plain sum in double, rounded once. Agrees with the SIMD form within rounding, not in bits. */
public final class ScalarGemmKernel implements GemmKernel {
    @Override
    public void multiply(float[] a, float[] b, float[] c, int rows, int lanes, int depth) {
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < lanes; j++) {
                double sum = 0;
                for (int k = 0; k < depth; k++) {
                    sum += (double) a[i * DEPTH + k] * b[k * LANE_STRIDE + j];
                }
                int at = i * LANE_STRIDE + j;
                c[at] = (float) (c[at] + sum);
            }
        }
    }
}
