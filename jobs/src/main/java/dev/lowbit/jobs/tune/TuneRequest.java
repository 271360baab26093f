package dev.lowbit.jobs.tune;

import dev.lowbit.device.DeviceProvider;
import dev.lowbit.method.DiscreteSteps;
import dev.lowbit.method.Tunable;
import dev.lowbit.transformer.tuning.TuningSettings;
import dev.lowbit.transformer.tuning.TuningSettings.TargetSteps;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;

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
 * @param batch windows in a step; empty for {@value #USUAL_BATCH}, with codes for as many as {@value #USUAL_STEP_WITH_CODES} tokens hold, at least 1
 * @param crossEntropy weight of the cross entropy beside the divergence from the reference
 * @param learningRate the highest rate, as a share of the size of what is trained
 * @param codes how codes are trained, where the extent has them
 * @param device that multiplies the reference's weights; empty for the CPU
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
        Optional<DeviceProvider> device,
        long seed,
        OptionalLong memoryBytes) {
    private static final int USUAL_BATCH = 4;
    private static final int USUAL_STEP_WITH_CODES = 512;
    private static final int USUAL_CONTEXT = 512;

    /**
     * What is not said otherwise. Codes have more to learn, so they read as many tokens once that others read three times.
     *
     * @param tokens of the text that are used
     * @param epochs times that it is read
     * @param learningRate the highest rate
     */
    public record Usual(int tokens, int epochs, double learningRate) {
        /** What is usual where so much is trained. */
        public static Usual of(Tunable.Extent extent) {
            return extent == Tunable.Extent.CODES ? new Usual(196_608, 1, 0.003) : new Usual(65_536, 3, 0.03);
        }
    }

    /**
     * How codes are trained.
     *
     * @param targets how the weights that codes follow are stepped
     * @param fraction of the codes of a matrix that may change in a step
     * @param trust how far a matrix may move in a step, as a share of its norm; infinite for no limit
     * @param decay how much of what codes have not followed their target forgets after a step
     * @param temperature of stochastic rounding; 0 for the nearest codes
     * @param rate the highest rate of the target, as a share of the error that its bits leave, size · 2^-bits
     */
    public record Codes(
            TargetSteps targets, double fraction, double trust, double decay, double temperature, double rate) {
        /** How codes are trained unless said otherwise. */
        public static final Codes USUAL = new Codes(TargetSteps.NATURAL, 1, Double.POSITIVE_INFINITY, 0, 0, 0.05);

        private Map<String, String> options() {
            Map<String, String> options = new HashMap<>();
            options.put("tune.codeSteps", targets.name().toLowerCase(Locale.ROOT));
            options.put("tune.codeRate", Double.toString(rate));
            options.put("tune.codeFraction", Double.toString(fraction));
            if (!Double.isInfinite(trust)) {
                options.put("tune.codeTrust", Double.toString(trust));
            }
            options.put("tune.codeDecay", Double.toString(decay));
            if (temperature > 0) {
                options.put("tune.codeTemperature", Double.toString(temperature));
            }
            return options;
        }

        TuningSettings.CodeTuning tuning() {
            return new TuningSettings.CodeTuning(
                    DiscreteSteps.find().subspace(fraction, trust, decay, temperature), targets, rate);
        }
    }

    /**
     * All but the files that decides what is trained, by the names that a manifest has for it. What is off is left out, so that an option that did
     * not exist yet does not tell apart what is the same.
     *
     * @param modelContext of the model that is tuned
     */
    public SortedMap<String, String> options(int modelContext) {
        TuningSettings settings = settings(modelContext);
        SortedMap<String, String> options = new TreeMap<>();
        options.put("tune.parts", extent.id());
        options.put("tune.rank", Integer.toString(rank));
        options.put("tune.maxTokens", Integer.toString(maxTokens));
        options.put("tune.context", Integer.toString(settings.context()));
        options.put("tune.epochs", Integer.toString(epochs));
        options.put("tune.batch", Integer.toString(settings.windows()));
        options.put("tune.crossEntropy", Double.toString(crossEntropy));
        options.put("tune.learningRate", Double.toString(learningRate));
        codes.ifPresent(some -> options.putAll(some.options()));
        // rounding differs from the CPU's, and with it what is trained
        device.ifPresent(some -> options.put("tune.device", some.name()));
        options.put("tune.seed", Long.toString(seed));
        return options;
    }

    TuningSettings settings(int modelContext) {
        int length = context.orElse(Math.min(modelContext, USUAL_CONTEXT));
        int usual = extent == Tunable.Extent.CODES ? Math.max(1, USUAL_STEP_WITH_CODES / length) : USUAL_BATCH;
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
