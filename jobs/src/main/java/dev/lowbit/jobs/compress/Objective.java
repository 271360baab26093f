package dev.lowbit.jobs.compress;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What an error costs when there is calibration: how the weights of a matrix are weighed against each other, and whether matrices are
 * weighed by their measured effect on the model.
 *
 * @param weighting inside a matrix
 * @param sensitivity whether the importance of each matrix is scaled so that its probe's error equals the divergence measured for it
 */
public record Objective(Weighting weighting, boolean sensitivity) {
    private static final String SUFFIX = "+sensitivity";

    /** How the weights of a matrix count. */
    public enum Weighting {
        /** All the same. */
        FROBENIUS,
        /** The empirical Fisher diagonal. */
        FISHER,
        /** Σ (dL/dy_i)² E[x_j²], the Fisher diagonal if gradients and inputs were independent: smoother with few samples. */
        FACTORED,
        /** E[x_j²]. */
        INPUTS,
        /** E[x xᵀ]: the squared error of the layer's outputs. */
        OUTPUTS,
        /** E[x xᵀ] and, for each output, Σ (dL/dy_i)². */
        HESSIAN;

        boolean pairs() {
            return this == OUTPUTS || this == HESSIAN;
        }

        String id() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** The objective of that name; empty when there is none. */
    public static Optional<Objective> parse(String text) {
        boolean sensitivity = text.endsWith(SUFFIX);
        String name = sensitivity ? text.substring(0, text.length() - SUFFIX.length()) : text;
        return Arrays.stream(Weighting.values())
                .filter(weighting -> weighting.id().equals(name))
                .findFirst()
                .map(weighting -> new Objective(weighting, sensitivity));
    }

    /** All names. */
    public static String names() {
        return Arrays.stream(Weighting.values()).map(Weighting::id).collect(Collectors.joining(", "))
                + ", each also with " + SUFFIX;
    }

    @Override
    public String toString() {
        return weighting.id() + (sensitivity ? SUFFIX : "");
    }
}
