package dev.lowbit.pvtuning;

/** What tuning lowers, known at a decoded matrix by its value and gradient. */
interface Objective {
    /**
     * The value and gradient.
     *
     * @param approximation Ŵ, O x I row-major; not modified
     */
    Evaluation at(double[] approximation);

    /**
     * A value and gradient.
     *
     * @param loss φ
     * @param gradient G = ∂φ/∂Ŵ, O x I row-major
     */
    record Evaluation(double loss, double[] gradient) {}
}
