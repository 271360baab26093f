package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;

/**
 * Rotary position embedding in half-split order: dimensions i and i + headDim/2 of a head are the plane that position p turns
 * by p f_i. Angles, sines and cosines are formed in double by StrictMath.
 */
final class Rotary {
    private final int headDim;
    /** Row p: the values of position p. */
    private final float[] cos;

    private final float[] sin;

    /**
     * The tables of a model.
     *
     * @param frequencies f_i, headDim / 2 of them
     */
    Rotary(int context, double[] frequencies) {
        int half = frequencies.length;
        headDim = 2 * half;
        cos = new float[Math.multiplyExact(context, half)];
        sin = new float[cos.length];
        for (int p = 0; p < context; p++) {
            for (int i = 0; i < half; i++) {
                cos[p * half + i] = (float) StrictMath.cos(p * frequencies[i]);
                sin[p * half + i] = (float) StrictMath.sin(p * frequencies[i]);
            }
        }
    }

    /**
     * Turns every head of a row in place.
     *
     * @param x modified: tokens x (heads * headDim)
     * @param sign 1 to turn, -1 to turn back, which is also the gradient's way
     */
    void turn(FloatMatrix x, int row, int position, float sign) {
        int half = headDim / 2;
        int at = position * half;
        float[] values = new float[x.columns()];
        Tokens.read(x, row, values);
        for (int head = 0; head < values.length; head += headDim) {
            for (int i = head; i < head + half; i++) {
                float c = cos[at + i - head];
                float s = sign * sin[at + i - head];
                float a = values[i];
                float b = values[i + half];
                values[i] = a * c - b * s;
                values[i + half] = b * c + a * s;
            }
        }
        Tokens.write(values, x, row);
    }
}
