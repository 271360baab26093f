package dev.lowbit.sketchtune;

/** What a row's objective is in the entries z of its tables, for its codes as they are: zᵀ A z - 2 bᵀ z and a constant, A symmetric, (G k) x (G k). */
interface RowEquations {
    /** A_ee: 0 for an entry that no code means, whose row and column of A are zeros. */
    double diagonal(int entry);

    /**
     * b_e - Σ_f A_ef z_f, half of what the objective falls by entry e.
     *
     * @param z all entries of the row; not modified
     */
    double residual(int entry, double[] z);

    /**
     * The entries of least objective. Those that no code means stay, and all where the system is singular beyond rounding.
     *
     * @param tables the row's entries, from {@code offset} on, are modified
     */
    void solve(double[] tables, int offset);
}
