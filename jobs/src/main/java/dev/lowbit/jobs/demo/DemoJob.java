package dev.lowbit.jobs.demo;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.compress.CompressJob;
import dev.lowbit.jobs.compress.JobRequest;
import dev.lowbit.jobs.compress.JobResult;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.kernel.Workers;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.Finding;
import dev.lowbit.store.Verifier;
import dev.lowbit.transformer.Evaluation;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.text.Generation;
import dev.lowbit.transformer.text.TokenChoice;
import dev.lowbit.transformer.text.Tokenizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * The whole tour on the embedded model: compress to several budgets, verify, evaluate each beside the float model on stories that
 * the model has not seen. Leaves {@code model}, {@code evaluation.txt}, {@code calibration.txt} and a directory for each budget.
 */
public final class DemoJob {
    private static final List<Double> BUDGETS = List.of(4.0, 3.0, 2.5);
    private static final int MAX_RANK = 4;
    private static final int EVALUATED_TOKENS = 6120;
    private static final int EVALUATION_CHARACTERS = 30_000;
    private static final int CALIBRATION_CHARACTERS = 200_000;
    private static final String PROMPT = "Once upon a time, there was a brave fox named Ivy.";
    private static final int GENERATED_TOKENS = 48;

    private final Path folder;
    private final long seed;
    private final OptionalLong memoryBytes;
    private final Workers workers;
    private final ProgressListener progress;
    private final List<Finding> findings = new ArrayList<>();

    private DemoJob(Path folder, long seed, OptionalLong memoryBytes, Workers workers, ProgressListener progress) {
        this.folder = folder;
        this.seed = seed;
        this.memoryBytes = memoryBytes;
        this.workers = workers;
        this.progress = progress;
    }

    /**
     * What came out.
     *
     * @param result the figures
     * @param findings of verifying everything that was written; empty when all is well
     */
    public record Outcome(DemoResult result, List<Finding> findings) {}

    /** Runs the tour in an empty folder. */
    public static Outcome run(
            Path folder, long seed, OptionalLong memoryBytes, Workers workers, ProgressListener progress) {
        DemoJob job = new DemoJob(folder, seed, memoryBytes, workers, progress);
        DemoResult result = job.run();
        return new Outcome(result, List.copyOf(job.findings));
    }

    private DemoResult run() {
        long start = System.nanoTime();
        Path model = folder.resolve("model");
        DemoModel.write(model);
        ModelInput.require(memoryBytes, shape -> shape.forwardBytes(Evaluation.BATCH_TOKENS), List.of(model), 1);
        String text = DemoModel.evaluationText(EVALUATION_CHARACTERS);
        AtomicOutput.writeString(folder.resolve("evaluation.txt"), text);
        AtomicOutput.writeString(folder.resolve("calibration.txt"), DemoModel.calibrationText(CALIBRATION_CHARACTERS));
        List<DemoResult.Model> models = new ArrayList<>();
        try (Tokenizer tokenizer = Tokenizer.open(model);
                ModelInput reference = ModelInput.open(model)) {
            Probe probe = new Probe(tokenizer, Arrays.copyOf(tokenizer.encode(text), EVALUATED_TOKENS));
            Evaluation.Result alone = evaluate(reference, null, probe);
            for (double bits : BUDGETS) {
                Path compressed = folder.resolve(name(bits));
                JobResult job = CompressJob.run(request(model, bits), compressed, false, workers, progress);
                findings.addAll(Verifier.verify(compressed));
                if (models.isEmpty()) {
                    models.add(floatModel(model, job, alone, generate(reference, probe)));
                }
                models.add(evaluate(bits, compressed, job, reference, probe));
            }
            return new DemoResult(PROMPT, EVALUATED_TOKENS, models, (System.nanoTime() - start) / 1e9);
        }
    }

    /** What every model is asked. */
    private record Probe(Tokenizer tokenizer, int[] tokens) {}

    private static String name(double bits) {
        return String.format(Locale.ROOT, "%s-bits", bits == Math.rint(bits) ? Long.toString((long) bits) : bits);
    }

    /** The prices of a matrix serve every budget. */
    private JobRequest request(Path model, double bits) {
        return new JobRequest(
                model,
                "lowbit " + Version.lowbit(),
                Methods.named(Methods.DEFAULT),
                new MethodOptions.Budget.BitsPerWeight(bits),
                new Compressor.Limits(0, MAX_RANK, 0, seed),
                TargetSelection.standard(),
                Optional.empty(),
                Optional.of(folder.resolve("costs.json")),
                memoryBytes);
    }

    private static DemoResult.Model floatModel(
            Path model, JobResult job, Evaluation.Result result, String continuation) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            long bytes = job.matrices().stream()
                    .mapToLong(matrix -> checkpoint.info(matrix.name()).byteSize())
                    .sum();
            return new DemoResult.Model(
                    "float",
                    8.0 * bytes / job.weights(),
                    bytes,
                    OptionalDouble.empty(),
                    result.perplexity(),
                    OptionalDouble.empty(),
                    OptionalDouble.empty(),
                    continuation);
        }
    }

    private DemoResult.Model evaluate(double bits, Path compressed, JobResult job, ModelInput reference, Probe probe) {
        try (ModelInput model = ModelInput.open(compressed)) {
            Evaluation.Result result = evaluate(model, reference.transformer(), probe);
            return new DemoResult.Model(
                    name(bits),
                    job.bitsPerWeight(),
                    job.bytes(),
                    job.relativeError(),
                    result.perplexity(),
                    OptionalDouble.of(result.comparison().divergence()),
                    OptionalDouble.of(result.comparison().top1Agreement()),
                    generate(model, probe));
        }
    }

    private Evaluation.Result evaluate(ModelInput model, Transformer reference, Probe probe) {
        Transformer transformer = model.transformer();
        int beginning = model.beginning(probe.tokenizer);
        try (ProgressListener.Stage stage = progress.stage("evaluating", probe.tokens.length, "tokens")) {
            return Evaluation.evaluate(
                    transformer,
                    reference,
                    beginning,
                    probe.tokens,
                    transformer.shape().context(),
                    workers,
                    stage::advance);
        }
    }

    private String generate(ModelInput model, Probe probe) {
        int[] prompt = model.prompt(probe.tokenizer, PROMPT);
        Generation.Result result = Generation.run(
                model.transformer(),
                prompt,
                GENERATED_TOKENS,
                probe.tokenizer.ends(),
                TokenChoice.greedy(),
                token -> {},
                workers);
        return probe.tokenizer.decode(result.tokens());
    }
}
