package dev.lowbit.sketchtune;

/**
 * Learns a sketch under an objective: clusters, codes for them, then in turn tables solved for the codes and codes that descend for the tables, as long
 * as that pays.
 */
final class SketchLearner {
    /** Rounds go on while one takes this share of the objective away. */
    private static final double GAIN = 2e-3;

    private SketchLearner() {}

    /**
     * A sketch of the matrix that the objective is about.
     *
     * @param sketch of the wanted shape; modified (overwritten)
     * @param refits how often tables are solved at most
     */
    static void learn(RowObjective objective, Sketch sketch, int refits) {
        objective.cluster(sketch);
        double error = objective.map(sketch);
        for (int i = 0; i < refits; i++) {
            if (i > 0) {
                double now = objective.descend(sketch);
                if (!(now < error * (1 - GAIN))) {
                    break;
                }
                error = now;
            }
            solve(objective, sketch);
        }
    }

    /** Solves the tables for the codes. */
    static void solve(RowObjective objective, Sketch sketch) {
        objective.forEachRow(sketch, (row, equations) -> equations.solve(sketch.tables(), row * sketch.rowEntries()));
    }
}
