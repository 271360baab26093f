package dev.lowbit.kernel;

import jdk.incubator.vector.DoubleVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Register-tiled block product in double: 6 rows x 2 vectors at 512 bits, 4 x 2 below, for the reason that {@link VectorGemmKernel} gives; SIMD lanes are columns of the
 * result.
 */
public final class VectorDoubleGemmKernel implements DoubleGemmKernel {
    private static final VectorSpecies<Double> DOUBLES = VectorWidth.floats().withLanes(double.class);
    private static final int LANES = DOUBLES.length();
    private static final int STRIP = 2 * LANES;
    private static final boolean WIDE = VectorWidth.bits() == 512;
    private static final int HEIGHT = WIDE ? 6 : 4;

    @Override
    public void multiply(double[] a, double[] b, double[] c, int rows, int lanes, int depth) {
        for (int j = 0; j < lanes; j += STRIP) {
            for (int i = 0; i < rows; i += HEIGHT) {
                if (WIDE) {
                    sixByTwo(a, i * DEPTH, b, j, c, i * LANE_STRIDE + j, depth);
                } else {
                    fourByTwo(a, i * DEPTH, b, j, c, i * LANE_STRIDE + j, depth);
                }
            }
        }
    }

    private static void sixByTwo(double[] a, int aAt, double[] b, int bAt, double[] c, int cAt, int depth) {
        DoubleVector c0l = DoubleVector.zero(DOUBLES);
        DoubleVector c0r = DoubleVector.zero(DOUBLES);
        DoubleVector c1l = DoubleVector.zero(DOUBLES);
        DoubleVector c1r = DoubleVector.zero(DOUBLES);
        DoubleVector c2l = DoubleVector.zero(DOUBLES);
        DoubleVector c2r = DoubleVector.zero(DOUBLES);
        DoubleVector c3l = DoubleVector.zero(DOUBLES);
        DoubleVector c3r = DoubleVector.zero(DOUBLES);
        DoubleVector c4l = DoubleVector.zero(DOUBLES);
        DoubleVector c4r = DoubleVector.zero(DOUBLES);
        DoubleVector c5l = DoubleVector.zero(DOUBLES);
        DoubleVector c5r = DoubleVector.zero(DOUBLES);
        for (int k = 0; k < depth; k++) {
            DoubleVector left = DoubleVector.fromArray(DOUBLES, b, bAt + k * LANE_STRIDE);
            DoubleVector right = DoubleVector.fromArray(DOUBLES, b, bAt + k * LANE_STRIDE + LANES);
            DoubleVector a0 = DoubleVector.broadcast(DOUBLES, a[aAt + k]);
            c0l = a0.fma(left, c0l);
            c0r = a0.fma(right, c0r);
            DoubleVector a1 = DoubleVector.broadcast(DOUBLES, a[aAt + k + DEPTH]);
            c1l = a1.fma(left, c1l);
            c1r = a1.fma(right, c1r);
            DoubleVector a2 = DoubleVector.broadcast(DOUBLES, a[aAt + k + 2 * DEPTH]);
            c2l = a2.fma(left, c2l);
            c2r = a2.fma(right, c2r);
            DoubleVector a3 = DoubleVector.broadcast(DOUBLES, a[aAt + k + 3 * DEPTH]);
            c3l = a3.fma(left, c3l);
            c3r = a3.fma(right, c3r);
            DoubleVector a4 = DoubleVector.broadcast(DOUBLES, a[aAt + k + 4 * DEPTH]);
            c4l = a4.fma(left, c4l);
            c4r = a4.fma(right, c4r);
            DoubleVector a5 = DoubleVector.broadcast(DOUBLES, a[aAt + k + 5 * DEPTH]);
            c5l = a5.fma(left, c5l);
            c5r = a5.fma(right, c5r);
        }
        DoubleVector.fromArray(DOUBLES, c, cAt).add(c0l).intoArray(c, cAt);
        DoubleVector.fromArray(DOUBLES, c, cAt + LANES).add(c0r).intoArray(c, cAt + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + LANE_STRIDE).add(c1l).intoArray(c, cAt + LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + LANE_STRIDE + LANES).add(c1r).intoArray(c, cAt + LANE_STRIDE + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + 2 * LANE_STRIDE).add(c2l).intoArray(c, cAt + 2 * LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + 2 * LANE_STRIDE + LANES)
                .add(c2r)
                .intoArray(c, cAt + 2 * LANE_STRIDE + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + 3 * LANE_STRIDE).add(c3l).intoArray(c, cAt + 3 * LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + 3 * LANE_STRIDE + LANES)
                .add(c3r)
                .intoArray(c, cAt + 3 * LANE_STRIDE + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + 4 * LANE_STRIDE).add(c4l).intoArray(c, cAt + 4 * LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + 4 * LANE_STRIDE + LANES)
                .add(c4r)
                .intoArray(c, cAt + 4 * LANE_STRIDE + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + 5 * LANE_STRIDE).add(c5l).intoArray(c, cAt + 5 * LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + 5 * LANE_STRIDE + LANES)
                .add(c5r)
                .intoArray(c, cAt + 5 * LANE_STRIDE + LANES);
    }

    private static void fourByTwo(double[] a, int aAt, double[] b, int bAt, double[] c, int cAt, int depth) {
        DoubleVector c0l = DoubleVector.zero(DOUBLES);
        DoubleVector c0r = DoubleVector.zero(DOUBLES);
        DoubleVector c1l = DoubleVector.zero(DOUBLES);
        DoubleVector c1r = DoubleVector.zero(DOUBLES);
        DoubleVector c2l = DoubleVector.zero(DOUBLES);
        DoubleVector c2r = DoubleVector.zero(DOUBLES);
        DoubleVector c3l = DoubleVector.zero(DOUBLES);
        DoubleVector c3r = DoubleVector.zero(DOUBLES);
        for (int k = 0; k < depth; k++) {
            DoubleVector left = DoubleVector.fromArray(DOUBLES, b, bAt + k * LANE_STRIDE);
            DoubleVector right = DoubleVector.fromArray(DOUBLES, b, bAt + k * LANE_STRIDE + LANES);
            DoubleVector a0 = DoubleVector.broadcast(DOUBLES, a[aAt + k]);
            c0l = a0.fma(left, c0l);
            c0r = a0.fma(right, c0r);
            DoubleVector a1 = DoubleVector.broadcast(DOUBLES, a[aAt + k + DEPTH]);
            c1l = a1.fma(left, c1l);
            c1r = a1.fma(right, c1r);
            DoubleVector a2 = DoubleVector.broadcast(DOUBLES, a[aAt + k + 2 * DEPTH]);
            c2l = a2.fma(left, c2l);
            c2r = a2.fma(right, c2r);
            DoubleVector a3 = DoubleVector.broadcast(DOUBLES, a[aAt + k + 3 * DEPTH]);
            c3l = a3.fma(left, c3l);
            c3r = a3.fma(right, c3r);
        }
        DoubleVector.fromArray(DOUBLES, c, cAt).add(c0l).intoArray(c, cAt);
        DoubleVector.fromArray(DOUBLES, c, cAt + LANES).add(c0r).intoArray(c, cAt + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + LANE_STRIDE).add(c1l).intoArray(c, cAt + LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + LANE_STRIDE + LANES).add(c1r).intoArray(c, cAt + LANE_STRIDE + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + 2 * LANE_STRIDE).add(c2l).intoArray(c, cAt + 2 * LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + 2 * LANE_STRIDE + LANES)
                .add(c2r)
                .intoArray(c, cAt + 2 * LANE_STRIDE + LANES);
        DoubleVector.fromArray(DOUBLES, c, cAt + 3 * LANE_STRIDE).add(c3l).intoArray(c, cAt + 3 * LANE_STRIDE);
        DoubleVector.fromArray(DOUBLES, c, cAt + 3 * LANE_STRIDE + LANES)
                .add(c3r)
                .intoArray(c, cAt + 3 * LANE_STRIDE + LANES);
    }
}
