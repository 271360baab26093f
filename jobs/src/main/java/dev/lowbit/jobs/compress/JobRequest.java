package dev.lowbit.jobs.compress;

import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.Version;
import dev.lowbit.method.Compressor;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What is asked of {@code plan} and {@code compress}.
 *
 * @param input folder, file or index of the checkpoint
 * @param software name and version of the program, recorded in the output
 * @param method decides the numbers
 * @param budget most bits per weight, most bytes of the whole output, or one format
 * @param limits what the method may choose among
 * @param selection which matrices
 * @param calibration data to weigh errors by; empty when every weight counts the same
 * @param costs cost table file: used when it exists, written when something was added
 * @param memoryBytes cap of the process's resident memory
 */
public record JobRequest(
        Path input,
        String software,
        Compressor method,
        MethodOptions.Budget budget,
        Compressor.Limits limits,
        TargetSelection selection,
        Optional<WithCalibration> calibration,
        Optional<Path> costs,
        OptionalLong memoryBytes) {
    /**
     * What the options of a command ask.
     *
     * @throws dev.lowbit.error.DeviceException when they ask for a device
     */
    public static JobRequest of(Path input, MethodOptions method, RunOptions run) {
        method.requireCpu();
        return new JobRequest(
                input,
                "lowbit " + Version.lowbit(),
                method.method(),
                method.budget(),
                method.limits(run.seed()),
                new TargetSelection(method.embeddings(), method.skip(), method.only()),
                method.calibration(),
                method.costs(),
                run.memoryBytes());
    }

    /** The ranks that matrices can come to have, which their memory depends on: where a format is given, its own. */
    Compressor.Limits reachable() {
        return budget instanceof MethodOptions.Budget.OneFormat one
                ? new Compressor.Limits(one.format().rank(), one.format().rank(), limits.groupSize(), limits.seed())
                : limits;
    }

    /** The options that decide bytes, as the manifest records them when {@code asked} is the budget. */
    SortedMap<String, String> options(
            MethodOptions.Budget asked, String importanceDigest, String usedObjective, boolean sequential) {
        SortedMap<String, String> options = new TreeMap<>();
        switch (asked) {
            case MethodOptions.Budget.BitsPerWeight given -> options.put("bits", Double.toString(given.bits()));
            case MethodOptions.Budget.OutputBytes given -> options.put("size", Long.toString(given.bytes()));
            case MethodOptions.Budget.OneFormat given ->
                options.put("format", given.format().id());
        }
        options.put("rank", Integer.toString(limits.maxRank()));
        options.put("minRank", Integer.toString(limits.minRank()));
        options.put("group", Integer.toString(limits.groupSize()));
        options.put("embeddings", Boolean.toString(selection.embeddings()));
        options.put("skip", selection.skip().stream().map(Pattern::pattern).collect(Collectors.joining("\n")));
        options.put("only", selection.only().stream().map(Pattern::pattern).collect(Collectors.joining("\n")));
        options.put("importance", importanceDigest);
        options.put("objective", usedObjective);
        options.put("sequential", Boolean.toString(sequential));
        return options;
    }
}
