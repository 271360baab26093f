package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;

/**
 * Rotary position embedding in half-split order: dimensions i and i + headDim/2 of a head are the plane that position p turns
 * by p f_i. Angles, sines and cosines are formed in double by StrictMath.
 */
final class Rotary {
    private final int headDim;
    private final FloatMatrix cos;
    private final FloatMatrix sin;

    /**
     * The tables of a model.
     *
     * @param frequencies f_i, headDim / 2 of them
     */
    Rotary(int context, double[] frequencies) {
        int half = frequencies.length;
        headDim = 2 * half;
        float[] cosines = new float[Math.multiplyExact(context, half)];
        float[] sines = new float[cosines.length];
        for (int p = 0; p < context; p++) {
            for (int i = 0; i < half; i++) {
                cosines[p * half + i] = (float) StrictMath.cos(p * frequencies[i]);
                sines[p * half + i] = (float) StrictMath.sin(p * frequencies[i]);
            }
        }
        cos = FloatMatrix.wrap(context, half, cosines);
        sin = FloatMatrix.wrap(context, half, sines);
    }

    /**
     * Turns every head of a row in place.
     *
     * @param x modified: tokens x (heads * headDim)
     * @param sign 1 to turn, -1 to turn back, which is also the gradient's way
     */
    void turn(FloatMatrix x, int row, int position, float sign) {
        int half = headDim / 2;
        for (int head = 0; head < x.columns(); head += headDim) {
            for (int i = 0; i < half; i++) {
                float c = Tokens.at(cos, position, i);
                float s = sign * Tokens.at(sin, position, i);
                float a = Tokens.at(x, row, head + i);
                float b = Tokens.at(x, row, head + half + i);
                Tokens.set(x, row, head + i, a * c - b * s);
                Tokens.set(x, row, head + half + i, b * c + a * s);
            }
        }
    }
}
