package dev.lowbit.jobs.tune;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.device.Device;
import dev.lowbit.error.DeviceException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.jobs.DeviceOptions;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.TextTokens;
import dev.lowbit.jobs.compress.Cancellation;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.sum.FreshFactors;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.store.PartEntry;
import dev.lowbit.store.SharedParts;
import dev.lowbit.store.SharedUse;
import dev.lowbit.store.WorkDirectory;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.Linear;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.text.Corpus;
import dev.lowbit.transformer.text.Tokenizer;
import dev.lowbit.transformer.tuning.Tuner;
import dev.lowbit.transformer.tuning.TuningResult;
import dev.lowbit.transformer.tuning.TuningSettings;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Tunes the trainable parts of a compressed model and writes a new one beside which nothing else has changed. The state of the
 * training is kept in the work directory beside the output; a job that was stopped goes on from there and gives the same bytes.
 */
public final class TuneJob implements AutoCloseable {
    private static final String STATE = "tuning.safetensors";
    private static final String PURPOSE = "tune.factors";

    private final TuneRequest request;
    private final Workers workers;
    private final ProgressListener progress;
    private final MemoryCap cap;
    private final CompressedModel input;
    private final List<String> warnings = new ArrayList<>();
    private final long start = System.nanoTime();

    private TuneJob(TuneRequest request, Workers workers, ProgressListener progress) {
        this.request = request;
        this.workers = workers;
        this.progress = progress;
        this.cap = new MemoryCap(request.memoryBytes());
        this.input = CompressedModel.open(request.input());
    }

    /**
     * Runs the job.
     *
     * @param output directory to create
     * @param resume whether to go on with a stopped job
     * @throws InvalidRequestException (impossible) when nothing is trainable, the output exists or lies in the input, the memory cap
     *     is too small, the text too short, or what was stopped is another job
     * @throws MalformedFileException DAMAGED when a file of the input does not have its digest
     * @throws DeviceException when the device is absent, too small or lost
     */
    public static TuneResult run(
            TuneRequest request, Path output, boolean resume, Workers workers, ProgressListener progress) {
        OutputDirectory.requireOutside(request.input(), output);
        WorkDirectory.requireApart(request.input(), output);
        request.reference().ifPresent(reference -> {
            OutputDirectory.requireOutside(reference, output);
            WorkDirectory.requireApart(reference, output);
        });
        if (request.device().isPresent() && request.reference().isEmpty()) {
            throw InvalidRequestException.usage(
                    "--device runs the reference; what is trained is computed on the CPU: give --reference too, or leave --device out");
        }
        try (TuneJob job = new TuneJob(request, workers, progress)) {
            // hours of training would otherwise end at a tensor that cannot be carried over
            job.input.requireIntact();
            return job.run(output, resume);
        }
    }

    private TuneResult run(Path output, boolean resume) {
        input.checkpointOfOthers().config().ifPresent(config -> requireMemory(Transformers.shape(config)));
        try (Transformer model = Transformers.load(input)) {
            if (request.reference().isEmpty()) {
                return run(model, null, null, output, resume);
            }
            try (Device used = DeviceOptions.open(request.device(), Accuracy.EXACT);
                    Checkpoint checkpoint = Checkpoint.open(request.reference().get());
                    Transformer reference = Transformers.load(checkpoint)) {
                if (used != null) {
                    reference.place(used);
                }
                return run(model, checkpoint, reference, output, resume);
            }
        }
    }

    private void requireMemory(ModelShape shape) {
        List<Path> models = new ArrayList<>(List.of(request.input()));
        request.reference().ifPresent(models::add);
        TuneMemory.require(
                cap,
                models,
                input.manifest().matrices(),
                request.rank(),
                shape,
                request.settings(shape.context()),
                Corpus.readingBytes(request.text()));
    }

    private TuneResult run(
            Transformer model, Checkpoint checkpoint, Transformer reference, Path output, boolean resume) {
        TuningSettings settings = request.settings(model.shape().context());
        Map<String, QuantizedMatrix> fresh = addFactors(model);
        Map<String, String> formats = new HashMap<>();
        fresh.forEach((name, matrix) -> formats.put(name, matrix.format()));
        CompressionJob job = job(
                request,
                input.manifest(),
                model.shape().context(),
                Optional.ofNullable(checkpoint).map(Checkpoint::digest));
        ModelLayout layout = ModelLayout.of(input, job, formats);
        try (Tokenizer tokenizer = Tokenizer.open(request.input());
                WorkDirectory work = WorkDirectory.open(output, resume);
                Tuner tuner = new Tuner(
                        model,
                        compressed(),
                        reference,
                        tokenizer.requireBeginning(model.shape().vocabulary()),
                        TextTokens.read(request.text(), tokenizer, model.shape().vocabulary(), request.maxTokens()),
                        settings,
                        work.path().resolve(STATE),
                        workers);
                ModelWriter writer = ModelWriter.open(layout, work)) {
            if (writer.isPublished() && !tuner.isStarted()) {
                throw InvalidRequestException.impossible(
                        "output " + output + " is complete, there is nothing to resume; choose another, or remove it");
            }
            TuningResult tuned = tune(tuner);
            if (!writer.isPublished()) {
                store(tuned, fresh, checkpoint, writer);
            }
            return result(tuned, settings, writer.finish());
        }
    }

    /** Every compressed matrix, with the set of parts that it shares. */
    private Map<String, Optional<String>> compressed() {
        Map<String, Optional<String>> sets = new HashMap<>();
        input.manifest()
                .matrices()
                .forEach(entry -> sets.put(entry.name(), entry.shared().map(SharedUse::id)));
        return sets;
    }

    /** Gives layers without a low-rank term a fresh one when that is asked for; their matrices with it by name. */
    private Map<String, QuantizedMatrix> addFactors(Transformer model) {
        Map<String, QuantizedMatrix> fresh = new HashMap<>();
        if (request.rank() == 0) {
            return fresh;
        }
        Set<String> compressed = new HashSet<>(input.names());
        for (Linear layer : model.linears()) {
            QuantizedMatrix weight = layer.weight();
            if (weight.rank() == 0 && compressed.contains(layer.name())) {
                int rank = Math.min(request.rank(), Math.min(weight.rows(), weight.columns()));
                layer.replace(FreshFactors.add(weight, rank, RandomStream.of(request.seed(), PURPOSE, layer.name())));
                fresh.put(layer.name(), layer.weight());
            }
        }
        return fresh;
    }

    /**
     * What the manifest of the tuned model says of how it was made: the job that made the compressed model, and what is done to it now.
     *
     * @param compressed manifest of the model to tune
     * @param modelContext of the model to tune
     * @param reference digest of the reference; empty without one
     */
    public static CompressionJob job(
            TuneRequest request, Manifest compressed, int modelContext, Optional<String> reference) {
        Map<String, String> options = new HashMap<>(request.options(modelContext));
        options.put("tune.model", Digest.sha256(request.input().resolve(Manifest.FILE)));
        options.put("tune.text", Digest.sha256(request.text()));
        options.put("tune.reference", reference.orElse("none"));
        return compressed.job().followedBy(request.software(), options);
    }

    private TuningResult tune(Tuner tuner) {
        try (ProgressListener.Stage stage = progress.stage("tuning", tuner.steps(), "steps")) {
            int[] done = {0};
            return tuner.run(steps -> {
                Cancellation.check();
                stage.advance(steps - done[0]);
                done[0] = steps;
            });
        }
    }

    /**
     * Stores every matrix as it was tuned, else as it was when training began: there a fresh term is 0, so the error is that without it.
     *
     * @param fresh the matrices that were given a low-rank term
     */
    private void store(
            TuningResult tuned, Map<String, QuantizedMatrix> fresh, Checkpoint reference, ModelWriter writer) {
        boolean isSource =
                reference != null && reference.digest().equals(input.manifest().sourceDigest());
        if (reference != null && !isSource) {
            warn("the reference is not the model that was compressed: the errors of tuned matrices are not known");
        }
        for (SharedParts set : input.manifest().shared()) {
            if (!writer.hasShared(set.id())) {
                writer.share(set.id(), parts(set, tuned));
            }
        }
        for (MatrixEntry entry : input.manifest().matrices()) {
            QuantizedMatrix matrix = tuned.matrices().get(entry.name());
            if (writer.has(entry.name())) {
                continue;
            }
            if (matrix == null) {
                QuantizedMatrix start = fresh.get(entry.name());
                writer.keep(entry.name(), start == null ? input.matrix(entry.name()) : start, entry.error());
            } else if (isSource) {
                try (FloatMatrix weights = reference.matrix(entry.name(), entry.transposed())) {
                    writer.add(entry.name(), matrix, weights, Importance.uniform(), workers);
                }
            } else {
                writer.keep(entry.name(), matrix, Optional.empty());
            }
        }
    }

    /** The parts of a set, from any matrix that uses it: where they were tuned, all of these are. */
    private List<Part> parts(SharedParts set, TuningResult tuned) {
        List<String> users = input.manifest().matrices().stream()
                .filter(entry ->
                        entry.shared().filter(use -> use.id().equals(set.id())).isPresent())
                .map(MatrixEntry::name)
                .toList();
        String user =
                users.stream().filter(tuned.matrices()::containsKey).findFirst().orElse(users.getFirst());
        QuantizedMatrix matrix = Optional.ofNullable(tuned.matrices().get(user)).orElseGet(() -> input.matrix(user));
        List<String> common = set.parts().stream().map(PartEntry::name).toList();
        return matrix.parts().stream()
                .filter(part -> common.contains(part.name()))
                .toList();
    }

    private void warn(String line) {
        warnings.add(line);
        progress.note(line);
    }

    private TuneResult result(TuningResult tuned, TuningSettings settings, Manifest manifest) {
        cap.broken().ifPresent(this::warn);
        return new TuneResult(
                request.reference().isPresent() ? "klDivergence" : "crossEntropy",
                tuned.before(),
                tuned.after(),
                tuned.step() > 0,
                tuned.step(),
                tuned.steps(),
                (long) tuned.trainingTokens() * settings.epochs(),
                tuned.heldOutTokens(),
                tuned.parameters(),
                tuned.matrices().size(),
                manifest.bytes(),
                MeasuredError.relative(manifest.error()),
                (System.nanoTime() - start) / 1e9,
                PeakMemory.bytes(),
                warnings);
    }

    @Override
    public void close() {
        input.close();
    }
}
