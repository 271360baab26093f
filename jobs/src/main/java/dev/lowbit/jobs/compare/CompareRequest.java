package dev.lowbit.jobs.compare;

import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.compress.JobRequest;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.jobs.compress.WithCalibration;
import dev.lowbit.jobs.tune.TuneRequest;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.Tunable;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * What is asked of {@code lowbit compare}.
 *
 * @param models folders of complete models in floats
 * @param calibration text that methods see, and that is tuned on
 * @param text that is evaluated on
 * @param methods to compare
 * @param bits budgets of each, in stored bits per weight
 * @param tune whether every result is also tuned
 * @param maxTokens tokens of {@code text} that are predicted
 * @param limits what methods may choose among, with the seed
 * @param software name and version of the program, recorded in outputs
 * @param memoryBytes cap of the process's resident memory
 */
public record CompareRequest(
        List<Path> models,
        Path calibration,
        Path text,
        List<Compressor> methods,
        List<Double> bits,
        boolean tune,
        int maxTokens,
        Compressor.Limits limits,
        String software,
        OptionalLong memoryBytes) {
    public CompareRequest {
        models = List.copyOf(models);
        methods = List.copyOf(methods);
        bits = List.copyOf(bits);
    }

    /**
     * What {@code compress} is asked.
     *
     * @param statistics calibration file of the model
     * @param costs cost table of the model and the method
     */
    JobRequest compress(Path model, Cell cell, Path statistics, Path costs) {
        return new JobRequest(
                model,
                software,
                cell.method(),
                new MethodOptions.Budget.BitsPerWeight(cell.bits()),
                limits,
                TargetSelection.standard(),
                Optional.of(new WithCalibration(statistics, Optional.empty(), Optional.empty())),
                Optional.of(costs),
                memoryBytes);
    }

    /**
     * What {@code tune} is asked: everything usual, towards the predictions of the model in floats.
     *
     * @param compressed what the method made of the model
     */
    TuneRequest tune(Path model, Cell cell, Path compressed) {
        Tunable.Extent extent = cell.method().tuned();
        TuneRequest.Usual usual = TuneRequest.Usual.of(extent);
        return new TuneRequest(
                compressed,
                calibration,
                Optional.of(model),
                software,
                extent,
                0,
                usual.tokens(),
                OptionalInt.empty(),
                usual.epochs(),
                OptionalInt.empty(),
                0,
                usual.learningRate(),
                extent == Tunable.Extent.CODES ? Optional.of(TuneRequest.Codes.USUAL) : Optional.empty(),
                Optional.empty(),
                limits.seed(),
                memoryBytes);
    }
}
