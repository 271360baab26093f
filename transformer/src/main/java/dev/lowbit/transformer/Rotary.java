package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;
import java.util.concurrent.atomic.AtomicReferenceArray;

/**
 * Rotary position embedding in half-split order: dimensions i and i + headDim/2 of a head are the plane that position p turns
 * by p f_i. Angles, sines and cosines are formed in double by StrictMath, those of a position when it is first met: a model's context can be a
 * thousand times as long as what it reads. Usable from several threads.
 */
final class Rotary {
    /** Positions whose values are formed together. */
    private static final int BLOCK = 1024;

    private final int context;
    private final double[] frequencies;
    /** Of each block, for each of its positions the cosines and then the sines of all frequencies; null where none was met. */
    private final AtomicReferenceArray<float[]> blocks;

    /**
     * The turns of a model.
     *
     * @param context positions
     * @param frequencies f_i, headDim / 2 of them
     */
    Rotary(int context, double[] frequencies) {
        this.context = context;
        this.frequencies = frequencies.clone();
        this.blocks = new AtomicReferenceArray<>(Math.ceilDiv(context, BLOCK));
    }

    /** Two threads that form the same block form the same values. */
    private float[] block(int index) {
        float[] values = blocks.get(index);
        if (values == null) {
            int half = frequencies.length;
            int first = index * BLOCK;
            int count = Math.min(BLOCK, context - first);
            values = new float[Math.multiplyExact(2 * count, half)];
            for (int i = 0; i < count; i++) {
                int position = first + i;
                for (int f = 0; f < half; f++) {
                    values[2 * i * half + f] = (float) StrictMath.cos(position * frequencies[f]);
                    values[(2 * i + 1) * half + f] = (float) StrictMath.sin(position * frequencies[f]);
                }
            }
            blocks.set(index, values);
        }
        return values;
    }

    /**
     * Turns every head of a row in place.
     *
     * @param x modified: tokens x (heads * headDim)
     * @param sign 1 to turn, -1 to turn back, which is also the gradient's way
     */
    void turn(FloatMatrix x, int row, int position, float sign) {
        int half = frequencies.length;
        float[] turns = block(position / BLOCK);
        int at = 2 * (position % BLOCK) * half;
        float[] values = new float[x.columns()];
        Tokens.read(x, row, values);
        for (int head = 0; head < values.length; head += 2 * half) {
            for (int i = 0; i < half; i++) {
                float c = turns[at + i];
                float s = sign * turns[at + half + i];
                float a = values[head + i];
                float b = values[head + i + half];
                values[head + i] = a * c - b * s;
                values[head + i + half] = b * c + a * s;
            }
        }
        Tokens.write(values, x, row);
    }
}
