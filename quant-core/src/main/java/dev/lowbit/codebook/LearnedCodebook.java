package dev.lowbit.codebook;

import java.util.Arrays;

/** Codebooks fitted to data and stored with it as F16: the centroid step of Lloyd's iteration. */
public final class LearnedCodebook {
    private LearnedCodebook() {}

    /** The nearest codebook that F16 can store. */
    public static Codebook rounded(Codebook codebook) {
        float[] values = codebook.values();
        for (int k = 0; k < values.length; k++) {
            values[k] = round(values[k]);
        }
        return Codebook.ofValues(values);
    }

    /**
     * The values that minimise the squared error of a fixed assignment: value(k) = numerators[k] / denominators[k], rounded to F16.
     *
     * @param previous supplies the values that no weight was assigned to
     * @param numerators per code the sum of importance * scale * weight; not modified
     * @param denominators per code the sum of importance * scale²; not modified
     */
    public static Codebook centroids(Codebook previous, double[] numerators, double[] denominators) {
        float[] values = previous.values();
        for (int k = 0; k < values.length; k++) {
            float centroid = round((float) (numerators[k] / denominators[k]));
            if (Float.isFinite(centroid)) {
                values[k] = centroid;
            }
        }
        Arrays.sort(values);
        return Codebook.ofValues(values);
    }

    private static float round(float value) {
        return Float.float16ToFloat(Float.floatToFloat16(value));
    }
}
