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
import dev.lowbit.jobs.compress.TargetSelection;
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
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * Makes a compressed model of a Hugging Face folder that another program quantized, with exactly its numbers. What was lost in quantization is not
 * known and so not in the manifest. An import that was stopped goes on when it is asked for again.
 */
public final class ImportJob {
    private ImportJob() {}

    /**
     * Runs the import.
     *
     * @param input in the exchange layout of GPTQ or AQLM, as its configuration says
     * @param output directory to create
     * @throws InvalidRequestException impossible, when the output exists or lies in the input, or the input in the work directory
     * @throws MalformedFileException when a file or tensor of the input is not what it should be
     * @throws UnsupportedModelException when the input is of no such layout, or has numbers that our formats do not have
     * @throws UncheckedIOException when something cannot be read or written
     */
    public static ImportResult run(Path input, Path output, Workers workers, ProgressListener progress) {
        long start = System.nanoTime();
        OutputDirectory.requireOutside(input, output);
        WorkDirectory.requireApart(input, output);
        try (Checkpoint source = Checkpoint.open(input);
                WorkDirectory work = WorkDirectory.open(output, Files.notExists(output, LinkOption.NOFOLLOW_LINKS))) {
            ForeignModel model = ForeignModel.of(source);
            // a refusal leaves no stopped job behind
            model.layers().forEach(layer -> layer.requireOurs(workers));
            List<ForeignMatrix> matrices = model.layers().stream()
                    .map(layer -> matrix(source, layer, model.method()))
                    .toList();
            ModelLayout layout = ModelLayout.ofForeign(source, job(model), matrices);
            Manifest manifest;
            try (ModelWriter writer = ModelWriter.open(layout, work)) {
                unpack(model.layers(), writer, workers, progress);
                manifest = writer.finish();
            }
            return new ImportResult(
                    manifest.matrices().stream()
                            .map(MatrixEntry::format)
                            .distinct()
                            .toList(),
                    matrices.size(),
                    manifest.weights(),
                    manifest.bitsPerWeight(),
                    manifest.bytes(),
                    DirectorySize.bytes(output),
                    (System.nanoTime() - start) / 1e9,
                    PeakMemory.bytes(),
                    source.warnings());
        }
    }

    /** Models of some architectures store the matrix input-major, and the export restores that. */
    private static ForeignMatrix matrix(Checkpoint source, ForeignLayer layer, String method) {
        String weight = layer.stored().weight();
        boolean transposed = TargetSelection.isInputMajor(source, weight);
        return new ForeignMatrix(
                new MatrixChoice(weight, transposed, method, layer.format(), 0),
                layer.rows(),
                layer.columns(),
                layer.parts().stream().map(layer.stored()::tensor).toList());
    }

    private static void unpack(
            List<? extends ForeignLayer> layers, ModelWriter writer, Workers workers, ProgressListener progress) {
        long weights = layers.stream().mapToLong(ImportJob::weights).sum();
        try (ProgressListener.Stage stage = progress.stage("importing", weights, "weights")) {
            for (ForeignLayer layer : layers) {
                Cancellation.check();
                String weight = layer.stored().weight();
                if (!writer.has(weight)) {
                    writer.keep(weight, layer.matrix(workers), Optional.empty());
                }
                stage.advance(weights(layer));
            }
        }
    }

    private static long weights(ForeignLayer layer) {
        return (long) layer.rows() * layer.columns();
    }

    /** No budget was given and no program solved. */
    private static CompressionJob job(ForeignModel model) {
        return new CompressionJob("lowbit " + Version.lowbit(), model.method(), 0, 0, 0, 0, model.options());
    }
}
