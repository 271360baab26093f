package dev.lowbit.jobs.compress;

import dev.lowbit.error.BeyondFormat;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.DirectorySize;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.Quantity;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.store.SharedParts;
import dev.lowbit.store.WorkDirectory;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.BiFunction;
import java.util.function.Function;

/**
 * Compresses a checkpoint to a budget. Whatever is finished (prices, confirmed errors, matrices) is kept in the work directory
 * beside the output; a job that was stopped at any moment goes on from there and gives the same bytes.
 */
public final class CompressJob {
    private static final String COSTS = "costs.json";

    private CompressJob() {}

    /**
     * Runs the job.
     *
     * @param output directory to create
     * @param resume whether to go on with a stopped job
     * @throws InvalidRequestException (impossible) when the output exists, lies in the input, the input in the work directory, the budget or
     *     the memory cap is too small, or what was stopped is another job
     * @throws UncheckedIOException when something cannot be read or written, or the disk has too little room
     */
    public static JobResult run(
            JobRequest request, Path output, boolean resume, Workers workers, ProgressListener progress) {
        OutputDirectory.requireOutside(request.input(), output);
        WorkDirectory.requireApart(request.input(), output);
        try (PlanJob job = PlanJob.open(request, workers, progress);
                WorkDirectory work = WorkDirectory.open(output, resume, COSTS, PlanJob.CALIBRATION)) {
            job.calibrate(work.path().resolve(PlanJob.CALIBRATION));
            Plan plan = job.plan(Optional.of(request.costs().orElse(work.path().resolve(COSTS))));
            ModelLayout layout = job.layout(plan);
            try (ModelWriter writer = ModelWriter.open(layout, work)) {
                if (!writer.isPublished()) {
                    requireRoom(layout, writer, work);
                    share(job, layout, writer);
                    compress(job, plan, writer);
                }
                Map<String, OutputError> outputErrors = outputErrors(job, writer, work);
                // the work directory, and a calibration in it, are gone when the output is complete
                Optional<CalibrationTokens> tokens = job.reader().tokens();
                Manifest manifest = finish(layout, writer, progress);
                return result(job, plan, manifest, outputErrors, divergence(job, plan, tokens, work.output()));
            }
        }
    }

    /** Finished matrices lie beside the output until it is complete. */
    private static void requireRoom(ModelLayout layout, ModelWriter writer, WorkDirectory work) {
        try {
            long there =
                    writer.stored().stream().mapToLong(DirectorySize::bytes).sum();
            long need = layout.bytes() + layout.outputBytes() - there;
            long free = Files.getFileStore(work.path()).getUsableSpace();
            if (free < need) {
                throw new IOException("no space left for " + work.output() + ": " + Quantity.bytes(need)
                        + " are needed while the job runs, " + Quantity.bytes(free) + " are free");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e.getMessage(), e);
        }
    }

    private static void share(PlanJob job, ModelLayout layout, ModelWriter writer) {
        for (SharedParts set : layout.shared()) {
            if (!writer.hasShared(set.id())) {
                writer.share(set.id(), job.method().shared(set.id()));
            }
        }
    }

    private static void compress(PlanJob job, Plan plan, ModelWriter writer) {
        try (ProgressListener.Stage stage = job.progress().stage("compressing", plan.weights(), "weights")) {
            if (job.reader().sequential()) {
                try (Transformer model = job.model()) {
                    SequentialCompression.run(
                            job, plan, writer, model, job.reader().tokens().orElseThrow(), stage);
                }
                return;
            }
            for (Plan.Choice choice : plan.matrices()) {
                Cancellation.check();
                if (!writer.has(choice.target().name())) {
                    compress(job, choice, writer);
                }
                stage.advance(choice.target().weights());
            }
        }
    }

    private static void compress(PlanJob job, Plan.Choice choice, ModelWriter writer) {
        String name = choice.target().name();
        JobRequest request = job.request();
        try (TargetReader.Loaded loaded = job.reader().read(choice.target())) {
            QuantizedMatrix matrix = BeyondFormat.named(
                    name,
                    () -> job.method()
                            .compress(
                                    name,
                                    loaded.weights(),
                                    loaded.importance(),
                                    choice.candidate(),
                                    request.limits(),
                                    job.workers()));
            writer.add(name, matrix, loaded.weights(), loaded.importance(), job.workers());
        }
    }

    private static Manifest finish(ModelLayout layout, ModelWriter writer, ProgressListener progress) {
        try (ProgressListener.Stage stage = progress.stage("writing", layout.outputBytes(), "bytes")) {
            long[] written = {0};
            return writer.finish(bytes -> {
                Cancellation.check();
                stage.advance(bytes - written[0]);
                written[0] = bytes;
            });
        }
    }

    /** On the calibration text, of what was written: in the sequential mode measured, else it has the matrices of the plan. */
    private static OptionalDouble divergence(PlanJob job, Plan plan, Optional<CalibrationTokens> tokens, Path output) {
        if (!job.reader().sequential() || plan.calibrationDivergence().isEmpty()) {
            return plan.calibrationDivergence();
        }
        try (CompressedModel written = CompressedModel.open(output)) {
            return OptionalDouble.of(job.divergence(plan, tokens.orElseThrow(), written));
        }
    }

    private static JobResult result(
            PlanJob job,
            Plan plan,
            Manifest manifest,
            Map<String, OutputError> outputErrors,
            OptionalDouble divergence) {
        List<MatrixResult> matrices = manifest.matrices().stream()
                .map(matrix -> result(matrix, Optional.ofNullable(outputErrors.get(matrix.name()))))
                .toList();
        Optional<OutputError> all = outputErrors.values().stream().reduce(OutputError::plus);
        return job.result(plan, matrices, MeasuredError.relative(manifest.error()), relative(all), divergence);
    }

    /** Of every target whose inputs are known, in the order of the job, measured on the bytes written. */
    private static Map<String, OutputError> outputErrors(PlanJob job, ModelWriter writer, WorkDirectory work) {
        if (!writer.isPublished()) {
            return outputErrors(job, writer::stored);
        }
        try (CompressedModel model = CompressedModel.open(work.output())) {
            return outputErrors(job, (name, reading) -> reading.apply(model.matrix(name)));
        }
    }

    private static Map<String, OutputError> outputErrors(
            PlanJob job, BiFunction<String, Function<QuantizedMatrix, OutputError>, OutputError> stored) {
        Map<String, OutputError> errors = new LinkedHashMap<>();
        for (Target target : job.targets()) {
            Optional<FloatMatrix> moment = job.reader().secondMoment(target);
            if (moment.isPresent()) {
                try (FloatMatrix inputs = moment.get();
                        FloatMatrix weights = job.reader().weights(target)) {
                    errors.put(
                            target.name(),
                            stored.apply(
                                    target.name(), matrix -> OutputError.of(weights, matrix, inputs, job.workers())));
                }
            }
        }
        return errors;
    }

    private static OptionalDouble relative(Optional<OutputError> error) {
        return error.isEmpty()
                ? OptionalDouble.empty()
                : OptionalDouble.of(error.get().relative());
    }

    private static MatrixResult result(MatrixEntry matrix, Optional<OutputError> outputError) {
        return new MatrixResult(
                matrix.name(),
                matrix.rows(),
                matrix.columns(),
                matrix.method(),
                matrix.format(),
                matrix.rank(),
                matrix.bytes(),
                matrix.bitsPerWeight(),
                MeasuredError.relative(matrix.error()),
                relative(outputError));
    }
}
