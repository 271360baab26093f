package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.DirectorySize;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.compress.Cancellation;
import dev.lowbit.kernel.Workers;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.ForeignMatrix;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixChoice;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.store.WorkDirectory;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Makes a compressed model of a Hugging Face folder in the exchange layout of GPTQ, with exactly its numbers. What was lost in
 * quantization is not known and so not in the manifest. An import that was stopped goes on when it is asked for again.
 */
public final class GptqImport {
    /** Stands for the method in the manifest. */
    static final String METHOD = "gptq-import";

    private GptqImport() {}

    /**
     * Runs the import.
     *
     * @param output directory to create
     * @throws InvalidRequestException impossible, when the output exists or lies in the input
     * @throws MalformedFileException when a file or tensor of the input is not what it should be
     * @throws UnsupportedModelException when the input is no GPTQ model, or has numbers that our formats do not have
     * @throws UncheckedIOException when something cannot be read or written
     */
    public static ImportResult run(Path input, Path output, Workers workers, ProgressListener progress) {
        long start = System.nanoTime();
        OutputDirectory.requireOutside(input, output);
        try (Checkpoint source = Checkpoint.open(input);
                WorkDirectory work = WorkDirectory.open(output, Files.notExists(output))) {
            GptqConfig config = GptqConfig.read(source);
            List<GptqLayer> layers = GptqLayer.of(source, config);
            // a refusal leaves no stopped job behind
            layers.forEach(layer -> layer.requireOurs(workers));
            boolean symmetric = layers.stream().allMatch(GptqLayer::isSymmetric);
            List<ForeignMatrix> matrices = layers.stream()
                    .map(layer -> new ForeignMatrix(
                            new MatrixChoice(layer.weight(), layer.transposed(), METHOD, layer.format(symmetric), 0),
                            layer.layout().rows(),
                            layer.layout().columns(),
                            layer.tensors()))
                    .toList();
            ModelLayout layout = ModelLayout.ofForeign(source, job(config), matrices);
            Manifest manifest;
            try (ModelWriter writer = ModelWriter.open(layout, work)) {
                unpack(layers, symmetric, writer, workers, progress);
                manifest = writer.finish();
            }
            return new ImportResult(
                    manifest.matrices().stream()
                            .map(MatrixEntry::format)
                            .distinct()
                            .toList(),
                    layers.size(),
                    manifest.weights(),
                    manifest.bitsPerWeight(),
                    manifest.bytes(),
                    DirectorySize.bytes(output),
                    (System.nanoTime() - start) / 1e9,
                    PeakMemory.bytes(),
                    source.warnings());
        }
    }

    private static void unpack(
            List<GptqLayer> layers, boolean symmetric, ModelWriter writer, Workers workers, ProgressListener progress) {
        long weights = layers.stream().mapToLong(GptqImport::weights).sum();
        try (ProgressListener.Stage stage = progress.stage("importing", weights, "weights")) {
            for (GptqLayer layer : layers) {
                Cancellation.check();
                if (!writer.has(layer.weight())) {
                    writer.keep(layer.weight(), layer.matrix(symmetric, workers), Optional.empty());
                }
                stage.advance(weights(layer));
            }
        }
    }

    private static long weights(GptqLayer layer) {
        return (long) layer.layout().rows() * layer.layout().columns();
    }

    /** No budget was given and no program solved. */
    private static CompressionJob job(GptqConfig config) {
        SortedMap<String, String> options = new TreeMap<>();
        options.put("gptq.bits", Integer.toString(config.bits()));
        options.put("gptq.groupSize", Integer.toString(config.groupSize() == 0 ? -1 : config.groupSize()));
        options.put("gptq.checkpointFormat", config.version().checkpointFormat());
        return new CompressionJob("lowbit " + Version.lowbit(), METHOD, 0, 0, 0, 0, options);
    }
}
