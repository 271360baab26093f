package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.AdapterConfig;
import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.TernaryTensor;
import dev.lowbit.compeft.UpdateFile;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.DirectorySize;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.Version;
import dev.lowbit.kernel.Workers;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.FloatModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.WorkDirectory;
import dev.lowbit.tensor.DType;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** Decodes updates, merges them, and adds them to a base when there is one. */
public final class UpdateImport {
    private final List<Path> inputs;
    private final MergeRule rule;
    private final Path out;
    private final Workers workers;
    private final ProgressListener progress;
    private final List<AdapterFolder> adapters;
    private final long start = System.nanoTime();

    private UpdateImport(List<Path> inputs, MergeRule rule, Path out, Workers workers, ProgressListener progress) {
        this.inputs = inputs;
        this.rule = rule;
        this.out = out;
        this.workers = workers;
        this.progress = progress;
        this.adapters = inputs.stream()
                .filter(AdapterFolder::isIn)
                .map(AdapterFolder::open)
                .toList();
    }

    /**
     * Runs the import.
     *
     * @param inputs folders with an update, at least one
     * @param base what it is added to: a checkpoint or a compressed model; without one adapters are decoded
     * @param rule how several updates are merged
     * @param out directory to create
     * @throws InvalidRequestException when inputs and base do not belong together, or the output exists
     * @throws MalformedFileException when a file is not what it should be
     * @throws UnsupportedModelException for adapters that are more than plain LoRA, and element types that nothing is added to
     * @throws UncheckedIOException when something cannot be read or written
     */
    public static UpdateImportResult run(
            List<Path> inputs,
            Optional<Path> base,
            MergeRule rule,
            Path out,
            Workers workers,
            ProgressListener progress) {
        inputs.forEach(input -> OutputDirectory.requireOutside(input, out));
        base.ifPresent(path -> OutputDirectory.requireOutside(path, out));
        UpdateImport job = new UpdateImport(inputs, rule, out, workers, progress);
        job.requireOneKind();
        if (inputs.stream().allMatch(UpdateFolder::isCompressed)) {
            List<CompressedUpdate> updates = job.read();
            base.ifPresent(path -> job.requireBase(path, updates));
            return job.write(new MergedUpdates(updates, rule), base);
        }
        if (inputs.size() > 1 || base.isEmpty()) {
            throw InvalidRequestException.usage(
                    "an adapter that is not compressed is merged alone, and into a base: give"
                            + " one with --base, or compress them with lowbit export --to compeft first");
        }
        try (Checkpoint weights = job.adapters.getFirst().weights()) {
            return job.write(new AdapterValues(weights), base);
        }
    }

    private void requireOneKind() {
        if (!adapters.isEmpty() && adapters.size() < inputs.size()) {
            throw InvalidRequestException.usage(
                    "some of the updates are adapters and some are differences of models; merge those of a kind");
        }
        for (AdapterFolder adapter : adapters) {
            Set<String> differences = adapter.differences(adapters.getFirst());
            if (!differences.isEmpty()) {
                throw InvalidRequestException.impossible(adapter.path() + " and "
                        + adapters.getFirst().path() + " have adapter configurations that differ in "
                        + String.join(", ", differences)
                        + "; factors can be merged where all of it is the same");
            }
        }
    }

    private List<CompressedUpdate> read() {
        List<CompressedUpdate> updates = new ArrayList<>();
        for (Path input : inputs) {
            updates.add(UpdateFile.read(input.resolve(UpdateFolder.FILE), Limits.defaults(), workers));
        }
        return updates;
    }

    /** Updates that know what they leave unchanged take no base that has it otherwise. */
    private void requireBase(Path base, List<CompressedUpdate> updates) {
        for (int i = 0; i < updates.size(); i++) {
            Optional<BaseRecord> record = BaseRecord.read(inputs.get(i));
            if (record.isEmpty()) {
                continue;
            }
            Set<String> changed =
                    updates.get(i).tensors().stream().map(TernaryTensor::name).collect(Collectors.toSet());
            FloatModel.requireModel(base);
            if (!Manifest.isIn(base)
                    || !BaseRecord.of(Manifest.read(base), changed).equals(record.get())) {
                throw InvalidRequestException.impossible("the update in " + inputs.get(i)
                        + " was made for a compressed model with other codes than " + base
                        + "; give the model that was tuned, or one that differs from it by such updates only");
            }
        }
    }

    private UpdateImportResult write(UpdateValues update, Optional<Path> base) {
        if (base.isEmpty()) {
            if (adapters.isEmpty()) {
                throw InvalidRequestException.usage(
                        "the update is a difference of models; give what it is added to with --base");
            }
            return toAdapter(update);
        }
        return Manifest.isIn(base.get()) ? toModel(update, base.get()) : toCheckpoint(update, base.get());
    }

    /** Scales are 32-bit floats, so F32 holds every decoded value exactly, whatever the adapter was. */
    private UpdateImportResult toAdapter(UpdateValues update) {
        List<SafetensorsWriter.Entry> entries = update.names().stream()
                .map(name -> new SafetensorsWriter.Entry(name, DType.F32, update.shape(name)))
                .toList();
        try (OutputDirectory directory = OutputDirectory.create(out)) {
            Path weights = directory.path().resolve(AdapterFolder.WEIGHTS);
            try (SafetensorsWriter writer = SafetensorsWriter.create(weights, Map.of("format", "pt"), entries)) {
                for (String name : update.names()) {
                    try (Arena arena = Arena.ofConfined()) {
                        writer.write(update.values(name, arena));
                    }
                }
                writer.finish();
            }
            Path config = adapters.getFirst().path().resolve(AdapterFolder.CONFIG);
            AtomicOutput.write(directory.path().resolve(AdapterFolder.CONFIG), stream -> Files.copy(config, stream));
            directory.publish();
        }
        return result("adapter", entries.size());
    }

    private UpdateImportResult toCheckpoint(UpdateValues update, Path path) {
        try (Checkpoint base = Checkpoint.open(path);
                OutputDirectory directory = OutputDirectory.create(out)) {
            FloatModel.require(base);
            Map<String, TensorChange> changes =
                    adapters.isEmpty() ? Differences.of(update, base) : factors(update, base);
            new ChangedCheckpoint(base, changes).write(directory.path(), progress);
            directory.publish();
            return result("checkpoint", changes.size());
        }
    }

    private Map<String, TensorChange> factors(UpdateValues update, Checkpoint base) {
        Path config = adapters.getFirst().path().resolve(AdapterFolder.CONFIG);
        return LoraModules.changes(AdapterConfig.read(config, Limits.defaults()), update, base, workers);
    }

    private UpdateImportResult toModel(UpdateValues update, Path path) {
        if (!adapters.isEmpty()) {
            throw InvalidRequestException.usage("an adapter cannot be added to the packed matrices of " + path
                    + "; export it with lowbit export --to safetensors and give that as --base");
        }
        WorkDirectory.requireApart(path, out);
        inputs.forEach(input -> WorkDirectory.requireApart(input, out));
        try (CompressedModel base = CompressedModel.open(path)) {
            ChangedModel changed = new ChangedModel(base, update);
            try (WorkDirectory work = WorkDirectory.open(out, Files.notExists(out, LinkOption.NOFOLLOW_LINKS))) {
                changed.write(job(base.manifest().job(), path), work, progress);
            }
        }
        return result("compressed", update.names().size());
    }

    /** The job that made the model, and what is done to it now. */
    private CompressionJob job(CompressionJob before, Path base) {
        String updates = inputs.stream()
                .map(input -> Digest.sha256(input.resolve(UpdateFolder.FILE)))
                .collect(Collectors.joining(","));
        return before.followedBy(
                "lowbit " + Version.lowbit(),
                Map.of(
                        "compeft.model",
                        Digest.sha256(base.resolve(Manifest.FILE)),
                        "compeft.merge",
                        rule.name().toLowerCase(Locale.ROOT),
                        "compeft.updates",
                        updates));
    }

    private UpdateImportResult result(String kind, int tensors) {
        return new UpdateImportResult(
                kind,
                inputs.size(),
                inputs.size() > 1 ? Optional.of(rule.name().toLowerCase(Locale.ROOT)) : Optional.empty(),
                tensors,
                DirectorySize.bytes(out),
                (System.nanoTime() - start) / 1e9,
                PeakMemory.bytes());
    }
}
