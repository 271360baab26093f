package dev.lowbit.pvtuning;

import dev.lowbit.linalg.RandomStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * PV-Tuning (algorithm 1 of its paper) of one layer, whose objective L is known exactly: P steps (scales, codewords) and V steps (codes by beam
 * search) in turn, each accepted only when L does not rise, so that L falls from step to step and the last state is the best.
 */
final class LayerQuantizer {
    /** What rounding may add to a loss that did not rise. */
    private static final double ROUNDING = 1e-12;

    private final LayerSettings settings;
    private final RandomStream stream;
    private final List<LayerStep> steps = new ArrayList<>();
    private LayerState state;
    private double loss;
    private int round;
    private boolean done;

    private LayerQuantizer(LayerSettings settings, RandomStream stream, LayerState state) {
        this.settings = settings;
        this.stream = stream;
        this.state = state;
        this.loss = state.loss();
    }

    /**
     * Quantizes a layer.
     *
     * @param stream start and order of visits are drawn from it
     */
    static LayerResult quantize(LayerProblem problem, Tiling tiling, LayerSettings settings, RandomStream stream) {
        LayerQuantizer quantizer = start(problem, tiling, settings, stream);
        quantizer.run(settings.rounds());
        return quantizer.result();
    }

    /**
     * A layer before its first round.
     *
     * @param stream start and order of visits are drawn from it
     */
    static LayerQuantizer start(LayerProblem problem, Tiling tiling, LayerSettings settings, RandomStream stream) {
        AdditiveWeights start = settings.start()
                .of(problem.weights(), tiling, settings.codebooks(), settings.entries(), stream, problem.workers());
        LayerQuantizer quantizer = new LayerQuantizer(settings, stream, new LayerState(problem, start));
        quantizer.tuneValues();
        return quantizer;
    }

    /** Goes on until there were so many rounds in all, or one took too little off the loss. */
    void run(int rounds) {
        while (round < rounds && !done) {
            double before = loss;
            searchCodes();
            tuneValues();
            done = loss >= before * (1 - settings.smallestGain());
            round++;
        }
    }

    /** What there is by now, in memory of its own: rounds that follow do not change it, nor does it change them. */
    LayerResult result() {
        LayerState now = state.copy();
        now.recompute();
        return new LayerResult(now.weights(), now.loss(), now.problem().relativeError(now.loss()), steps);
    }

    private void tuneValues() {
        for (int i = 0; i < settings.alternations(); i++) {
            attempt(LayerStep.Kind.SCALES, ScaleStep::apply);
            attempt(LayerStep.Kind.CODEWORDS, candidate -> CodewordStep.apply(candidate, settings.iterations()));
        }
    }

    private void searchCodes() {
        UnusedCodewords.replace(state);
        AdditiveWeights weights = state.weights();
        BeamOrder order = BeamOrder.shuffled(weights.tiling().tileColumns(), weights.codebooks(), stream);
        int[] codes = new BeamSearch(state, order, settings.beam()).codes();
        attempt(LayerStep.Kind.CODES, candidate -> {
            System.arraycopy(codes, 0, candidate.weights().codes(), 0, codes.length);
            candidate.recompute();
            double[] before = state.tileRowLosses();
            double[] after = candidate.tileRowLosses();
            for (int p = 0; p < before.length; p++) {
                if (!(after[p] <= before[p] * (1 + ROUNDING))) {
                    candidate.copyTileRow(state, p);
                }
            }
        });
    }

    private void attempt(LayerStep.Kind kind, Consumer<LayerState> step) {
        LayerState candidate = state.copy();
        step.accept(candidate);
        double after = candidate.loss();
        boolean accepted = after <= loss * (1 + ROUNDING);
        int changed = kind == LayerStep.Kind.CODES ? changedTiles(candidate.weights()) : 0;
        steps.add(new LayerStep(round, kind, loss, after, changed, accepted));
        if (accepted) {
            state = candidate;
            loss = after;
        }
    }

    private int changedTiles(AdditiveWeights candidate) {
        int books = candidate.codebooks();
        int changed = 0;
        for (int at = 0; at < candidate.codes().length; at += books) {
            if (!Arrays.equals(
                    candidate.codes(), at, at + books, state.weights().codes(), at, at + books)) {
                changed++;
            }
        }
        return changed;
    }
}
