package dev.lowbit.transformer.tuning;

import java.util.Map;

/**
 * How a run fares by its judgements, and when it goes back: when a judgement is no better than the best, nor than the one before, oftener in a row than
 * {@code patience} allows, or when it is twice the best loss. Going back takes two thirds off the rates.
 */
final class TuningProgress {
    /** What a judgement means for the run. */
    enum Verdict {
        /** The best so far. */
        BEST,
        /** Not the best, but the run may go on. */
        ON,
        /** The run is to take the best up again. */
        BACK
    }

    private static final double RETREAT = 1.0 / 3;
    private static final double LOST = 2;
    private static final String STEP = "step";
    private static final String BEST_STEP = "bestStep";
    private static final String BEST_LOSS = "bestLoss";
    private static final String LAST_LOSS = "lastLoss";
    private static final String RISES = "rises";
    private static final String SHARE = "share";
    private static final String MOVED = "moved";

    private final int patience;
    private int step;
    private int bestStep;
    private double bestLoss;
    private double lastLoss;
    private int rises;
    private double share = 1;
    private boolean moved;

    /** @param start the loss before the first step, which is the best so far */
    TuningProgress(int patience, double start) {
        this.patience = patience;
        this.bestLoss = start;
        this.lastLoss = start;
    }

    /** @param after steps done so far */
    Verdict judge(int after, double loss) {
        step = after;
        rises = loss < Math.max(bestLoss, lastLoss) ? 0 : rises + 1;
        lastLoss = loss;
        if (loss < bestLoss) {
            bestLoss = loss;
            bestStep = after;
            return Verdict.BEST;
        }
        if (rises <= patience && loss < LOST * bestLoss) {
            return Verdict.ON;
        }
        share *= RETREAT;
        lastLoss = bestLoss;
        rises = 0;
        return Verdict.BACK;
    }

    /** Notes that a step has changed what is trained. */
    void move() {
        moved = true;
    }

    /** Whether any step has changed what is trained. */
    boolean isMoved() {
        return moved;
    }

    /** Steps done at the last judgement. */
    int step() {
        return step;
    }

    /** Steps done when the best was judged, 0 for the start. */
    int bestStep() {
        return bestStep;
    }

    double bestLoss() {
        return bestLoss;
    }

    /** What is left of the rates. */
    double share() {
        return share;
    }

    /** All of it as text, for {@link #restore}. */
    Map<String, String> notes() {
        return Map.of(
                STEP, Integer.toString(step),
                BEST_STEP, Integer.toString(bestStep),
                BEST_LOSS, Double.toString(bestLoss),
                LAST_LOSS, Double.toString(lastLoss),
                RISES, Integer.toString(rises),
                SHARE, Double.toString(share),
                MOVED, Boolean.toString(moved));
    }

    /** Goes on from the notes of an earlier run. */
    void restore(Map<String, String> notes) {
        step = Integer.parseInt(notes.get(STEP));
        bestStep = Integer.parseInt(notes.get(BEST_STEP));
        bestLoss = Double.parseDouble(notes.get(BEST_LOSS));
        lastLoss = Double.parseDouble(notes.get(LAST_LOSS));
        rises = Integer.parseInt(notes.get(RISES));
        share = Double.parseDouble(notes.get(SHARE));
        // runs of earlier versions did not note it
        moved = Boolean.parseBoolean(notes.getOrDefault(MOVED, Boolean.toString(step > 0)));
    }
}
