package dev.lowbit.matrix.affine;

import dev.lowbit.matrix.packed.PackedCodes;
import java.util.Arrays;

/** The formulas as they stand: what every other implementation is tested against. */
final class ScalarAffineKernels implements AffineKernels {
    @Override
    public void decode(byte[] codes, int from, int count, float scale, int zero, float[] out) {
        for (int i = from; i < from + count; i++) {
            out[i] = scale * ((codes[i] & 0xff) - zero);
        }
    }

    @Override
    public void dot(byte[] codes, int from, int count, float scale, int zero, float[] x, int xFrom, float[] lanes) {
        float[] sums = new float[LANES];
        for (int i = 0; i < count; i++) {
            sums[i % LANES] = Math.fma((codes[from + i] & 0xff) - zero, x[xFrom + i], sums[i % LANES]);
        }
        for (int lane = 0; lane < LANES; lane++) {
            lanes[lane] = Math.fma(sums[lane], scale, lanes[lane]);
        }
    }

    @Override
    public void dotOfRow(
            byte[] packed,
            int bitOffset,
            int count,
            int bits,
            int width,
            float[] scales,
            byte[] zeros,
            int group,
            float[] x,
            int xFrom,
            float[] lanes) {
        byte[] codes = new byte[width];
        for (int start = 0; start < count; start += width, group++) {
            for (int i = 0; i < width; i++) {
                codes[i] = (byte) PackedCodes.codeAt(packed, bitOffset + (start + i) * (long) bits, bits);
            }
            dot(codes, 0, width, scales[group], zeros[group] & 0xff, x, xFrom + start, lanes);
        }
    }

    @Override
    public void costs(
            float[] weights,
            float[] importance,
            int offset,
            int length,
            float[] scales,
            int zero,
            int last,
            float[] costs) {
        for (int lane = 0; lane < LANES; lane++) {
            float inverse = AffineKernels.inverse(scales[lane]);
            float cost = 0;
            for (int i = offset; i < offset + length; i++) {
                float d = Math.fma(-scales[lane], AffineKernels.level(weights[i] * inverse, zero, last), weights[i]);
                cost = Math.fma(importance == null ? d : d * importance[i], d, cost);
            }
            costs[lane] = cost;
        }
    }

    @Override
    public void feedbackCosts(
            float[] weights,
            int offset,
            int length,
            float[] carried,
            float[] triangle,
            float[] scales,
            int zero,
            int last,
            float[] costs) {
        for (int lane = 0; lane < LANES; lane++) {
            float inverse = AffineKernels.inverse(scales[lane]);
            float[] sums = Arrays.copyOf(carried, length);
            float cost = 0;
            for (int k = 0; k < length; k++) {
                float pivot = triangle[k * length + k];
                float weight = weights[offset + k];
                float t = Math.fma(sums[k], 1 / pivot, weight) * inverse;
                float d = Math.fma(-scales[lane], AffineKernels.level(t, zero, last), weight);
                float term = Math.fma(d, pivot, sums[k]);
                cost = Math.fma(term, term, cost);
                for (int j = k + 1; j < length; j++) {
                    sums[j] = Math.fma(d, triangle[k * length + j], sums[j]);
                }
            }
            costs[lane] = cost;
        }
    }
}
