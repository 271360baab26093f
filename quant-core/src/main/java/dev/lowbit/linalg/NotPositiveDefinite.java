package dev.lowbit.linalg;

/**
 * The matrix is not numerically positive definite.
 *
 * @param column the first column whose pivot is not positive and finite
 * @param pivot that pivot (what is left of the diagonal entry), possibly NaN
 */
public record NotPositiveDefinite(int column, double pivot) implements CholeskyOutcome {}
