package dev.lowbit.jobs.compare;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Compares methods on models: every method at every budget, measured in bits and perplexity. All that is done is kept in the output, so that the
 * same job goes on where it was stopped, and larger ones start from it.
 */
public final class CompareJob {
    private CompareJob() {}

    /**
     * Runs the job and writes {@code compare.md}, {@code compare.csv} and an image for each model, which replace those of an earlier run.
     *
     * @param output directory to create or to go on in
     * @throws InvalidRequestException usage when two models have one name; impossible for what a job of the comparison refuses, or when results
     *     in {@code output} are of other inputs or options. A budget below the smallest of a method is a result, not a failure.
     */
    public static CompareResult run(CompareRequest request, Path output, Workers workers, ProgressListener progress) {
        if (Files.exists(output) && !Files.isDirectory(output)) {
            throw InvalidRequestException.impossible(
                    output + " exists and is no directory; nothing is overwritten: give another --out");
        }
        List<ModelComparison> comparisons = new ArrayList<>();
        Map<String, Path> names = new HashMap<>();
        for (Path model : request.models()) {
            String name = String.valueOf(model.toAbsolutePath().normalize().getFileName());
            Path other = names.put(name, model);
            if (other != null) {
                throw InvalidRequestException.usage("the models " + other + " and " + model + " are both called " + name
                        + "; results go by that name, so rename one or link to it by another");
            }
            comparisons.add(new ModelComparison(request, model, output.resolve(name), workers, progress));
        }
        List<CompareResult.Model> models = new ArrayList<>();
        for (ModelComparison comparison : comparisons) {
            CompareResult.Model model = comparison.run();
            AtomicOutput.writeString(output.resolve(model.name() + ".svg"), ParetoPlot.svg(model));
            models.add(model);
        }
        CompareResult result = new CompareResult(models);
        AtomicOutput.writeString(output.resolve("compare.md"), CompareTables.markdown(result));
        AtomicOutput.writeString(output.resolve("compare.csv"), CompareTables.csv(result));
        return result;
    }
}
