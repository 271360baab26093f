package dev.lowbit.lqlora;

/** When the alternation ends. The best state seen is kept in every case. */
public sealed interface Stopping {
    /** The most alternations, at least 1. */
    int alternations();

    /** As the paper: when an error is strictly greater than the one before it. */
    record WhenRising(int alternations) implements Stopping {}

    /**
     * When the best error has not fallen by the fraction {@code gain} within the last {@code patience} alternations.
     *
     * @param alternations the most alternations
     * @param patience alternations to wait for a gain
     * @param gain relative
     */
    record Patient(int alternations, int patience, double gain) implements Stopping {}
}
