package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.gptq.GptqVersion;
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

/** Turns a compressed model into formats that others read. The output directory appears whole or not at all, and never in the model's own. */
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
        try (OutputDirectory directory = begin(out)) {
            new ExportWriter(model, new DenseMatrices(type, UnaryOperator.identity()), METADATA)
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
        metadata.put(PAIR, pair(type.safetensorsName()));
        try (OutputDirectory directory = begin(out)) {
            Path base = created(directory.path().resolve("base"));
            Path adapterDirectory = created(directory.path().resolve("adapter"));
            new ExportWriter(model, new DenseMatrices(type, PeftAdapter::base), metadata)
                    .write(base, progress, workers);
            adapter.write(adapterDirectory, "base", metadata, workers);
            directory.publish();
        }
        return adapter.size();
    }

    /**
     * A Hugging Face directory with every matrix in the exchange layout of GPTQ; where matrices have low-rank parts, those as a LoRA
     * adapter in {@code adapter/}.
     *
     * @return how many matrices the adapter has; 0 for none
     * @throws InvalidRequestException impossible, when the layout has no such model
     */
    public int toGptq(Path out, GptqVersion version) {
        GptqMatrices matrices = new GptqMatrices(model, version);
        return exchange(out, matrices, version.checkpointFormat(), Map.of("quantize_config.json", matrices.config()));
    }

    /**
     * A Hugging Face directory with every matrix in the exchange layout of AQLM; where matrices have low-rank parts, those as a LoRA
     * adapter in {@code adapter/}.
     *
     * @throws InvalidRequestException impossible, when the layout has no such model
     */
    public AqlmExport toAqlm(Path out) {
        AqlmMatrices matrices = new AqlmMatrices(model);
        return new AqlmExport(exchange(out, matrices, "aqlm", Map.of()), matrices.roundingError());
    }

    /** @return how many matrices the adapter has; 0 for none */
    private int exchange(Path out, ExportedMatrices matrices, String form, Map<String, String> files) {
        boolean adapted = model.manifest().matrices().stream().anyMatch(matrix -> matrix.rank() > 0);
        Map<String, String> metadata = new TreeMap<>(METADATA);
        if (adapted) {
            metadata.put(PAIR, pair(form));
        }
        try (OutputDirectory directory = begin(out)) {
            new ExportWriter(model, matrices, metadata).write(directory.path(), progress, workers);
            files.forEach(
                    (name, text) -> AtomicOutput.writeString(directory.path().resolve(name), text));
            int size = 0;
            if (adapted) {
                PeftAdapter adapter = new PeftAdapter(model);
                adapter.write(created(directory.path().resolve("adapter")), "..", metadata, workers);
                size = adapter.size();
            }
            directory.publish();
            return size;
        }
    }

    /** A directory that a reader of the model would take for a part of it is no place for an export. */
    private OutputDirectory begin(Path out) {
        OutputDirectory.requireOutside(model.directory(), out);
        return OutputDirectory.create(out);
    }

    private static Path created(Path directory) {
        try {
            return Files.createDirectory(directory);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Names this model in this form: the manifest covers every byte that either half is made of. */
    private String pair(String form) {
        String manifest = Digest.sha256(model.directory().resolve(Manifest.FILE));
        return Digest.sha256((manifest + " " + form).getBytes(StandardCharsets.US_ASCII));
    }
}
