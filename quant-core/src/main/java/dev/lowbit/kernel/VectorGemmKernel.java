package dev.lowbit.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * Register-tiled block product. SIMD lanes are columns of the result, so the width cannot change a bit.
 *
 * <p>512 bits: 12 rows x 2 vectors, 24 accumulators of the 32 registers, 14 loads per 24 fused multiply-adds. 128 and 256 bits: 4
 * rows x 2 vectors: 5 or 6 would fit the 16 registers of AVX2, but the compiler loads ahead, and an accumulator that is spilled waits for memory in
 * every step. A strip of two vectors of lanes stays in the first-level cache while
 * the rows stream past it. Each tile is one method from the first load to the last store: a vector that crosses a call
 * that is not inlined is allocated.
 */
public final class VectorGemmKernel implements GemmKernel {
    private static final VectorSpecies<Float> FLOATS = VectorWidth.floats();
    private static final int LANES = FLOATS.length();
    private static final int STRIP = 2 * LANES;
    private static final boolean WIDE = VectorWidth.bits() == 512;
    private static final int TALL = 12;
    private static final int SHORT = 6;
    private static final int LOW = 4;

    @Override
    public void multiply(float[] a, float[] b, float[] c, int rows, int lanes, int depth) {
        for (int j = 0; j < lanes; j += STRIP) {
            if (WIDE && lanes - j <= LANES) {
                for (int i = 0; i < rows; i += TALL) {
                    twelveByOne(a, i * DEPTH, b, j, c, i * LANE_STRIDE + j, depth);
                }
            } else if (WIDE) {
                int i = 0;
                for (; rows - i > SHORT; i += TALL) {
                    twelveByTwo(a, i * DEPTH, b, j, c, i * LANE_STRIDE + j, depth);
                }
                if (i < rows) {
                    sixByTwo(a, i * DEPTH, b, j, c, i * LANE_STRIDE + j, depth);
                }
            } else {
                for (int i = 0; i < rows; i += LOW) {
                    fourByTwo(a, i * DEPTH, b, j, c, i * LANE_STRIDE + j, depth);
                }
            }
        }
    }

    private static void twelveByTwo(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
        FloatVector c0l = FloatVector.zero(FLOATS);
        FloatVector c0r = FloatVector.zero(FLOATS);
        FloatVector c1l = FloatVector.zero(FLOATS);
        FloatVector c1r = FloatVector.zero(FLOATS);
        FloatVector c2l = FloatVector.zero(FLOATS);
        FloatVector c2r = FloatVector.zero(FLOATS);
        FloatVector c3l = FloatVector.zero(FLOATS);
        FloatVector c3r = FloatVector.zero(FLOATS);
        FloatVector c4l = FloatVector.zero(FLOATS);
        FloatVector c4r = FloatVector.zero(FLOATS);
        FloatVector c5l = FloatVector.zero(FLOATS);
        FloatVector c5r = FloatVector.zero(FLOATS);
        FloatVector c6l = FloatVector.zero(FLOATS);
        FloatVector c6r = FloatVector.zero(FLOATS);
        FloatVector c7l = FloatVector.zero(FLOATS);
        FloatVector c7r = FloatVector.zero(FLOATS);
        FloatVector c8l = FloatVector.zero(FLOATS);
        FloatVector c8r = FloatVector.zero(FLOATS);
        FloatVector c9l = FloatVector.zero(FLOATS);
        FloatVector c9r = FloatVector.zero(FLOATS);
        FloatVector c10l = FloatVector.zero(FLOATS);
        FloatVector c10r = FloatVector.zero(FLOATS);
        FloatVector c11l = FloatVector.zero(FLOATS);
        FloatVector c11r = FloatVector.zero(FLOATS);
        for (int k = 0; k < depth; k++) {
            FloatVector left = FloatVector.fromArray(FLOATS, b, bAt + k * LANE_STRIDE);
            FloatVector right = FloatVector.fromArray(FLOATS, b, bAt + k * LANE_STRIDE + LANES);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + k]);
            c0l = a0.fma(left, c0l);
            c0r = a0.fma(right, c0r);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + k + DEPTH]);
            c1l = a1.fma(left, c1l);
            c1r = a1.fma(right, c1r);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + k + 2 * DEPTH]);
            c2l = a2.fma(left, c2l);
            c2r = a2.fma(right, c2r);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + k + 3 * DEPTH]);
            c3l = a3.fma(left, c3l);
            c3r = a3.fma(right, c3r);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[aAt + k + 4 * DEPTH]);
            c4l = a4.fma(left, c4l);
            c4r = a4.fma(right, c4r);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[aAt + k + 5 * DEPTH]);
            c5l = a5.fma(left, c5l);
            c5r = a5.fma(right, c5r);
            FloatVector a6 = FloatVector.broadcast(FLOATS, a[aAt + k + 6 * DEPTH]);
            c6l = a6.fma(left, c6l);
            c6r = a6.fma(right, c6r);
            FloatVector a7 = FloatVector.broadcast(FLOATS, a[aAt + k + 7 * DEPTH]);
            c7l = a7.fma(left, c7l);
            c7r = a7.fma(right, c7r);
            FloatVector a8 = FloatVector.broadcast(FLOATS, a[aAt + k + 8 * DEPTH]);
            c8l = a8.fma(left, c8l);
            c8r = a8.fma(right, c8r);
            FloatVector a9 = FloatVector.broadcast(FLOATS, a[aAt + k + 9 * DEPTH]);
            c9l = a9.fma(left, c9l);
            c9r = a9.fma(right, c9r);
            FloatVector a10 = FloatVector.broadcast(FLOATS, a[aAt + k + 10 * DEPTH]);
            c10l = a10.fma(left, c10l);
            c10r = a10.fma(right, c10r);
            FloatVector a11 = FloatVector.broadcast(FLOATS, a[aAt + k + 11 * DEPTH]);
            c11l = a11.fma(left, c11l);
            c11r = a11.fma(right, c11r);
        }
        FloatVector.fromArray(FLOATS, c, cAt).add(c0l).intoArray(c, cAt);
        FloatVector.fromArray(FLOATS, c, cAt + LANES).add(c0r).intoArray(c, cAt + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + LANE_STRIDE).add(c1l).intoArray(c, cAt + LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + LANE_STRIDE + LANES).add(c1r).intoArray(c, cAt + LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 2 * LANE_STRIDE).add(c2l).intoArray(c, cAt + 2 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 2 * LANE_STRIDE + LANES)
                .add(c2r)
                .intoArray(c, cAt + 2 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 3 * LANE_STRIDE).add(c3l).intoArray(c, cAt + 3 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 3 * LANE_STRIDE + LANES)
                .add(c3r)
                .intoArray(c, cAt + 3 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 4 * LANE_STRIDE).add(c4l).intoArray(c, cAt + 4 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 4 * LANE_STRIDE + LANES)
                .add(c4r)
                .intoArray(c, cAt + 4 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 5 * LANE_STRIDE).add(c5l).intoArray(c, cAt + 5 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 5 * LANE_STRIDE + LANES)
                .add(c5r)
                .intoArray(c, cAt + 5 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 6 * LANE_STRIDE).add(c6l).intoArray(c, cAt + 6 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 6 * LANE_STRIDE + LANES)
                .add(c6r)
                .intoArray(c, cAt + 6 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 7 * LANE_STRIDE).add(c7l).intoArray(c, cAt + 7 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 7 * LANE_STRIDE + LANES)
                .add(c7r)
                .intoArray(c, cAt + 7 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 8 * LANE_STRIDE).add(c8l).intoArray(c, cAt + 8 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 8 * LANE_STRIDE + LANES)
                .add(c8r)
                .intoArray(c, cAt + 8 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 9 * LANE_STRIDE).add(c9l).intoArray(c, cAt + 9 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 9 * LANE_STRIDE + LANES)
                .add(c9r)
                .intoArray(c, cAt + 9 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 10 * LANE_STRIDE).add(c10l).intoArray(c, cAt + 10 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 10 * LANE_STRIDE + LANES)
                .add(c10r)
                .intoArray(c, cAt + 10 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 11 * LANE_STRIDE).add(c11l).intoArray(c, cAt + 11 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 11 * LANE_STRIDE + LANES)
                .add(c11r)
                .intoArray(c, cAt + 11 * LANE_STRIDE + LANES);
    }

    private static void twelveByOne(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
        FloatVector c0 = FloatVector.zero(FLOATS);
        FloatVector c1 = FloatVector.zero(FLOATS);
        FloatVector c2 = FloatVector.zero(FLOATS);
        FloatVector c3 = FloatVector.zero(FLOATS);
        FloatVector c4 = FloatVector.zero(FLOATS);
        FloatVector c5 = FloatVector.zero(FLOATS);
        FloatVector c6 = FloatVector.zero(FLOATS);
        FloatVector c7 = FloatVector.zero(FLOATS);
        FloatVector c8 = FloatVector.zero(FLOATS);
        FloatVector c9 = FloatVector.zero(FLOATS);
        FloatVector c10 = FloatVector.zero(FLOATS);
        FloatVector c11 = FloatVector.zero(FLOATS);
        for (int k = 0; k < depth; k++) {
            FloatVector row = FloatVector.fromArray(FLOATS, b, bAt + k * LANE_STRIDE);
            c0 = FloatVector.broadcast(FLOATS, a[aAt + k]).fma(row, c0);
            c1 = FloatVector.broadcast(FLOATS, a[aAt + k + DEPTH]).fma(row, c1);
            c2 = FloatVector.broadcast(FLOATS, a[aAt + k + 2 * DEPTH]).fma(row, c2);
            c3 = FloatVector.broadcast(FLOATS, a[aAt + k + 3 * DEPTH]).fma(row, c3);
            c4 = FloatVector.broadcast(FLOATS, a[aAt + k + 4 * DEPTH]).fma(row, c4);
            c5 = FloatVector.broadcast(FLOATS, a[aAt + k + 5 * DEPTH]).fma(row, c5);
            c6 = FloatVector.broadcast(FLOATS, a[aAt + k + 6 * DEPTH]).fma(row, c6);
            c7 = FloatVector.broadcast(FLOATS, a[aAt + k + 7 * DEPTH]).fma(row, c7);
            c8 = FloatVector.broadcast(FLOATS, a[aAt + k + 8 * DEPTH]).fma(row, c8);
            c9 = FloatVector.broadcast(FLOATS, a[aAt + k + 9 * DEPTH]).fma(row, c9);
            c10 = FloatVector.broadcast(FLOATS, a[aAt + k + 10 * DEPTH]).fma(row, c10);
            c11 = FloatVector.broadcast(FLOATS, a[aAt + k + 11 * DEPTH]).fma(row, c11);
        }
        FloatVector.fromArray(FLOATS, c, cAt).add(c0).intoArray(c, cAt);
        FloatVector.fromArray(FLOATS, c, cAt + LANE_STRIDE).add(c1).intoArray(c, cAt + LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 2 * LANE_STRIDE).add(c2).intoArray(c, cAt + 2 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 3 * LANE_STRIDE).add(c3).intoArray(c, cAt + 3 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 4 * LANE_STRIDE).add(c4).intoArray(c, cAt + 4 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 5 * LANE_STRIDE).add(c5).intoArray(c, cAt + 5 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 6 * LANE_STRIDE).add(c6).intoArray(c, cAt + 6 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 7 * LANE_STRIDE).add(c7).intoArray(c, cAt + 7 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 8 * LANE_STRIDE).add(c8).intoArray(c, cAt + 8 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 9 * LANE_STRIDE).add(c9).intoArray(c, cAt + 9 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 10 * LANE_STRIDE).add(c10).intoArray(c, cAt + 10 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 11 * LANE_STRIDE).add(c11).intoArray(c, cAt + 11 * LANE_STRIDE);
    }

    private static void sixByTwo(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
        FloatVector c0l = FloatVector.zero(FLOATS);
        FloatVector c0r = FloatVector.zero(FLOATS);
        FloatVector c1l = FloatVector.zero(FLOATS);
        FloatVector c1r = FloatVector.zero(FLOATS);
        FloatVector c2l = FloatVector.zero(FLOATS);
        FloatVector c2r = FloatVector.zero(FLOATS);
        FloatVector c3l = FloatVector.zero(FLOATS);
        FloatVector c3r = FloatVector.zero(FLOATS);
        FloatVector c4l = FloatVector.zero(FLOATS);
        FloatVector c4r = FloatVector.zero(FLOATS);
        FloatVector c5l = FloatVector.zero(FLOATS);
        FloatVector c5r = FloatVector.zero(FLOATS);
        for (int k = 0; k < depth; k++) {
            FloatVector left = FloatVector.fromArray(FLOATS, b, bAt + k * LANE_STRIDE);
            FloatVector right = FloatVector.fromArray(FLOATS, b, bAt + k * LANE_STRIDE + LANES);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + k]);
            c0l = a0.fma(left, c0l);
            c0r = a0.fma(right, c0r);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + k + DEPTH]);
            c1l = a1.fma(left, c1l);
            c1r = a1.fma(right, c1r);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + k + 2 * DEPTH]);
            c2l = a2.fma(left, c2l);
            c2r = a2.fma(right, c2r);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + k + 3 * DEPTH]);
            c3l = a3.fma(left, c3l);
            c3r = a3.fma(right, c3r);
            FloatVector a4 = FloatVector.broadcast(FLOATS, a[aAt + k + 4 * DEPTH]);
            c4l = a4.fma(left, c4l);
            c4r = a4.fma(right, c4r);
            FloatVector a5 = FloatVector.broadcast(FLOATS, a[aAt + k + 5 * DEPTH]);
            c5l = a5.fma(left, c5l);
            c5r = a5.fma(right, c5r);
        }
        FloatVector.fromArray(FLOATS, c, cAt).add(c0l).intoArray(c, cAt);
        FloatVector.fromArray(FLOATS, c, cAt + LANES).add(c0r).intoArray(c, cAt + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + LANE_STRIDE).add(c1l).intoArray(c, cAt + LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + LANE_STRIDE + LANES).add(c1r).intoArray(c, cAt + LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 2 * LANE_STRIDE).add(c2l).intoArray(c, cAt + 2 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 2 * LANE_STRIDE + LANES)
                .add(c2r)
                .intoArray(c, cAt + 2 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 3 * LANE_STRIDE).add(c3l).intoArray(c, cAt + 3 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 3 * LANE_STRIDE + LANES)
                .add(c3r)
                .intoArray(c, cAt + 3 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 4 * LANE_STRIDE).add(c4l).intoArray(c, cAt + 4 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 4 * LANE_STRIDE + LANES)
                .add(c4r)
                .intoArray(c, cAt + 4 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 5 * LANE_STRIDE).add(c5l).intoArray(c, cAt + 5 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 5 * LANE_STRIDE + LANES)
                .add(c5r)
                .intoArray(c, cAt + 5 * LANE_STRIDE + LANES);
    }

    private static void fourByTwo(float[] a, int aAt, float[] b, int bAt, float[] c, int cAt, int depth) {
        FloatVector c0l = FloatVector.zero(FLOATS);
        FloatVector c0r = FloatVector.zero(FLOATS);
        FloatVector c1l = FloatVector.zero(FLOATS);
        FloatVector c1r = FloatVector.zero(FLOATS);
        FloatVector c2l = FloatVector.zero(FLOATS);
        FloatVector c2r = FloatVector.zero(FLOATS);
        FloatVector c3l = FloatVector.zero(FLOATS);
        FloatVector c3r = FloatVector.zero(FLOATS);
        for (int k = 0; k < depth; k++) {
            FloatVector left = FloatVector.fromArray(FLOATS, b, bAt + k * LANE_STRIDE);
            FloatVector right = FloatVector.fromArray(FLOATS, b, bAt + k * LANE_STRIDE + LANES);
            FloatVector a0 = FloatVector.broadcast(FLOATS, a[aAt + k]);
            c0l = a0.fma(left, c0l);
            c0r = a0.fma(right, c0r);
            FloatVector a1 = FloatVector.broadcast(FLOATS, a[aAt + k + DEPTH]);
            c1l = a1.fma(left, c1l);
            c1r = a1.fma(right, c1r);
            FloatVector a2 = FloatVector.broadcast(FLOATS, a[aAt + k + 2 * DEPTH]);
            c2l = a2.fma(left, c2l);
            c2r = a2.fma(right, c2r);
            FloatVector a3 = FloatVector.broadcast(FLOATS, a[aAt + k + 3 * DEPTH]);
            c3l = a3.fma(left, c3l);
            c3r = a3.fma(right, c3r);
        }
        FloatVector.fromArray(FLOATS, c, cAt).add(c0l).intoArray(c, cAt);
        FloatVector.fromArray(FLOATS, c, cAt + LANES).add(c0r).intoArray(c, cAt + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + LANE_STRIDE).add(c1l).intoArray(c, cAt + LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + LANE_STRIDE + LANES).add(c1r).intoArray(c, cAt + LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 2 * LANE_STRIDE).add(c2l).intoArray(c, cAt + 2 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 2 * LANE_STRIDE + LANES)
                .add(c2r)
                .intoArray(c, cAt + 2 * LANE_STRIDE + LANES);
        FloatVector.fromArray(FLOATS, c, cAt + 3 * LANE_STRIDE).add(c3l).intoArray(c, cAt + 3 * LANE_STRIDE);
        FloatVector.fromArray(FLOATS, c, cAt + 3 * LANE_STRIDE + LANES)
                .add(c3r)
                .intoArray(c, cAt + 3 * LANE_STRIDE + LANES);
    }
}
