package dev.lowbit.jobs.tune;

import dev.lowbit.method.DiscreteSteps;
import dev.lowbit.method.Tunable;
import dev.lowbit.transformer.tuning.TuningSettings;
import dev.lowbit.transformer.tuning.TuningSettings.TargetSteps;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What is asked of {@code lowbit tune}.
 *
 * @param input directory of a compressed model
 * @param text file to train on
 * @param reference float model whose predictions are the aim; empty to train on the text alone
 * @param software name and version of the program
 * @param extent what of each representation is trained
 * @param rank of the low-rank terms that matrices without one are given first; 0 for none
 * @param maxTokens tokens of the text that are used
 * @param context tokens of a window; empty for the longest that fits the model, at most {@value #USUAL_CONTEXT}
 * @param epochs times that the text is read
 * @param batch windows in a step; empty for {@value #USUAL_BATCH}, with codes for as many as {@value #USUAL_TOKENS_WITH_CODES} tokens hold, at least 1
 * @param crossEntropy weight of the cross entropy beside the divergence from the reference
 * @param learningRate the highest rate, as a share of the size of what is trained
 * @param codes how codes are trained, where the extent has them
 * @param seed of the order of the windows
 * @param memoryBytes cap of the process; empty for none
 */
public record TuneRequest(
        Path input,
        Path text,
        Optional<Path> reference,
        String software,
        Tunable.Extent extent,
        int rank,
        int maxTokens,
        OptionalInt context,
        int epochs,
        OptionalInt batch,
        double crossEntropy,
        double learningRate,
        Optional<Codes> codes,
        long seed,
        OptionalLong memoryBytes) {
    /** Tokens of the text that are used unless said otherwise. */
    public static final int USUAL_TOKENS = 65_536;

    /** Times that the text is read unless said otherwise. */
    public static final int USUAL_EPOCHS = 3;

    private static final int USUAL_BATCH = 4;
    private static final int USUAL_TOKENS_WITH_CODES = 512;
    private static final double USUAL_RATE = 0.03;
    private static final double USUAL_RATE_WITH_CODES = 0.01;
    private static final int USUAL_CONTEXT = 512;

    /**
     * How codes are trained.
     *
     * @param targets how the weights that codes follow are stepped
     * @param fraction of the codes of a matrix that may change in a step
     * @param decay how much of what codes have not followed their target forgets after a step
     * @param rate the highest rate of the target, as a share of its size
     */
    public record Codes(TargetSteps targets, double fraction, double decay, double rate) {
        /** How codes are trained unless said otherwise. */
        public static final Codes USUAL = new Codes(TargetSteps.NATURAL, 1, 0, 0.015);

        TuningSettings.CodeTuning tuning() {
            return new TuningSettings.CodeTuning(DiscreteSteps.find().subspace(fraction, decay), targets, rate);
        }
    }

    /** The learning rate unless said otherwise. */
    public static double usualRate(Tunable.Extent extent) {
        return extent == Tunable.Extent.CODES ? USUAL_RATE_WITH_CODES : USUAL_RATE;
    }

    TuningSettings settings(int modelContext) {
        int length = context.orElse(Math.min(modelContext, USUAL_CONTEXT));
        int usual = extent == Tunable.Extent.CODES ? Math.max(1, USUAL_TOKENS_WITH_CODES / length) : USUAL_BATCH;
        return new TuningSettings(
                extent,
                length,
                epochs,
                batch.orElse(usual),
                crossEntropy,
                learningRate,
                codes.map(Codes::tuning),
                seed);
    }
}
