package dev.lowbit.transformer;

/**
 * A learning rate that rises linearly and falls by half a cosine (Loshchilov and Hutter 2017).
 *
 * @param steps all steps
 * @param warmUp steps of the rise, fewer than {@code steps}
 * @param highest rate behind the rise
 * @param last rate that the fall approaches, as a share of the highest
 */
public record CosineSchedule(int steps, int warmUp, double highest, double last) {
    /** The rate of a step, counted from 0. */
    public double rate(int step) {
        if (step < warmUp) {
            return highest * (step + 1) / warmUp;
        }
        double turn = StrictMath.cos(Math.PI * (step - warmUp) / (steps - warmUp));
        return highest * (last + (1 - last) * (1 + turn) / 2);
    }
}
