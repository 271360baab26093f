package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.Digest;
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
            new DenseModelWriter(model, type, UnaryOperator.identity(), METADATA)
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
            new DenseModelWriter(model, type, PeftAdapter::base, metadata).write(base, progress, workers);
            adapter.write(adapterDirectory, "base", metadata, workers);
            directory.publish();
        }
        return adapter.size();
    }

    /** Names this model in this element type: the manifest covers every byte that either half is made of. */
    private String pair() {
        String manifest = Digest.sha256(model.directory().resolve(Manifest.FILE));
        return Digest.sha256((manifest + " " + type.safetensorsName()).getBytes(StandardCharsets.US_ASCII));
    }
}
