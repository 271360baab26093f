package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.Manifest;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;
import java.util.function.UnaryOperator;

/** Turns a compressed model into formats that others read. The output directory appears whole or not at all. */
public final class Exporter {
    private static final Map<String, String> METADATA = Map.of("format", "pt");
    /** Metadata key that base and adapter share; equal values belong together. */
    static final String PAIR = "lowbit.pair";

    private final CompressedModel model;
    private final DType type;
    private final ProgressListener progress;
    private final Workers workers;

    /** @param type element type of dequantized matrices: F32, F16 or BF16 */
    public Exporter(CompressedModel model, DType type, ProgressListener progress, Workers workers) {
        this.model = model;
        this.type = type;
        this.progress = progress;
        this.workers = workers;
    }

    /** A Hugging Face directory with every matrix dequantized, in the source's names and orientation. */
    public void toSafetensors(Path out) {
        try (OutputDirectory directory = OutputDirectory.create(out)) {
            new FolderWriter(model, new DenseForm(type, UnaryOperator.identity()), METADATA)
                    .write(directory.path(), progress, workers);
            directory.publish();
        }
    }

    /**
     * {@code base/}, the model without its low-rank parts, and {@code adapter/}, those parts as a LoRA adapter for it.
     *
     * @return how many matrices the adapter has
     */
    public int toPeft(Path out) {
        PeftAdapter adapter = new PeftAdapter(model);
        Map<String, String> metadata = new TreeMap<>(METADATA);
        metadata.put(PAIR, pair());
        try (OutputDirectory directory = OutputDirectory.create(out)) {
            Path base = directory.path().resolve("base");
            Path adapterDirectory = directory.path().resolve("adapter");
            try {
                Files.createDirectory(base);
                Files.createDirectory(adapterDirectory);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot create " + base + ": " + e.getMessage(), e);
            }
            new FolderWriter(model, new DenseForm(type, PeftAdapter::base), metadata).write(base, progress, workers);
            adapter.write(adapterDirectory, "base", metadata, workers);
            directory.publish();
        }
        return adapter.size();
    }

    /**
     * A GPTQ checkpoint of the integers; where there are low-rank corrections, {@code adapter/} holds them as a LoRA adapter for it.
     *
     * @param storesZeros checkpoint format {@code gptq_v2} instead of {@code gptq}
     * @return how many matrices the adapter has; empty when there is none
     */
    public OptionalInt toGptq(Path out, boolean storesZeros) {
        GptqForm form = GptqForm.of(model, storesZeros);
        boolean corrected = model.manifest().matrices().stream().anyMatch(matrix -> matrix.rank() > 0);
        Map<String, String> metadata = new TreeMap<>(METADATA);
        metadata.put(PAIR, pair());
        try (OutputDirectory directory = OutputDirectory.create(out)) {
            new FolderWriter(model, form, metadata).write(directory.path(), progress, workers);
            AtomicOutput.writeString(
                    directory.path().resolve("quantize_config.json"), JsonOutput.text(form.settings()) + "\n");
            if (corrected) {
                Path adapterDirectory = directory.path().resolve("adapter");
                try {
                    Files.createDirectory(adapterDirectory);
                } catch (IOException e) {
                    throw new UncheckedIOException("cannot create " + adapterDirectory + ": " + e.getMessage(), e);
                }
                new PeftAdapter(model).write(adapterDirectory, "..", metadata, workers);
            }
            directory.publish();
        }
        return corrected ? OptionalInt.of(new PeftAdapter(model).size()) : OptionalInt.empty();
    }

    /** Names this model in this element type: the manifest covers every byte that either half is made of. */
    private String pair() {
        String manifest = Digest.sha256(model.directory().resolve(Manifest.FILE));
        return Digest.sha256((manifest + " " + type.safetensorsName()).getBytes(StandardCharsets.US_ASCII));
    }
}
