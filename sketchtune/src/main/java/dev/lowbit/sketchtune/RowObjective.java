package dev.lowbit.sketchtune;

/** What an error in a matrix costs, row by row a quadratic form in W - Ŵ, and the steps that lower it. No step raises it, but for rounding. */
interface RowObjective extends AutoCloseable {
    /**
     * The first tables.
     *
     * @param sketch its tables are modified (overwritten)
     */
    void cluster(Sketch sketch);

    /**
     * The first codes for given tables.
     *
     * @param sketch its codes are modified (overwritten)
     * @return the objective
     */
    double map(Sketch sketch);

    /**
     * Better codes for given tables.
     *
     * @param sketch its codes are modified
     * @return the objective
     */
    double descend(Sketch sketch);

    /**
     * Hands a solver what each row's objective is in the entries of its tables, for the codes as they are.
     *
     * @param sketch its codes are read; the solver may change the tables of the row that it is given
     */
    void forEachRow(Sketch sketch, Solver solver);

    /** Frees what it owns. */
    @Override
    default void close() {}

    /** What is done with the equations of a row. Called from many threads, for different rows. */
    @FunctionalInterface
    interface Solver {
        /**
         * Chooses the entries of a row.
         *
         * @param row of the sketch
         */
        void solve(int row, RowEquations equations);
    }
}
