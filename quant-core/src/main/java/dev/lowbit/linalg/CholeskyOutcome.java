package dev.lowbit.linalg;

/** What factoring a symmetric matrix gives: the factor, or where it failed. */
public sealed interface CholeskyOutcome permits Cholesky, NotPositiveDefinite {}
