package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.compeft.ComPeft;
import dev.lowbit.compeft.ComPeftSettings;
import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.UpdateFile;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.OutputDirectory;
import dev.lowbit.jobs.PeakMemory;
import dev.lowbit.kernel.Workers;
import dev.lowbit.store.FloatModel;
import dev.lowbit.store.Manifest;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** Writes an update of fine-tuning as signs and scales: a folder with update.compeft and, for an adapter, its configuration, for a
 * compressed model base.json. */
public final class UpdateExport {
    private UpdateExport() {}

    /**
     * Runs the export.
     *
     * @param input an adapter in the layout of PEFT, a checkpoint, or a compressed model
     * @param base what a checkpoint or a compressed model was tuned from; none for an adapter
     * @param out directory to create
     * @throws InvalidRequestException when the base is missing, does not belong to the input, or the output exists or lies in one of them
     * @throws MalformedFileException when a file is not what it should be, or a value is not finite
     * @throws UnsupportedModelException for adapters other than LoRA and for element types that are not taken
     * @throws UncheckedIOException when something cannot be read or written
     */
    public static UpdateExportResult run(
            Path input, Optional<Path> base, ComPeftSettings settings, Path out, MemoryCap cap, Workers workers) {
        long start = System.nanoTime();
        OutputDirectory.requireOutside(input, out);
        base.ifPresent(path -> OutputDirectory.requireOutside(path, out));
        boolean adapter = AdapterFolder.isIn(input);
        try (Arena arena = Arena.ofShared();
                OutputDirectory directory = OutputDirectory.create(out)) {
            FoundUpdate found = find(input, base, cap, arena);
            CompressedUpdate update = ComPeft.compress(found.tensors(), settings, workers);
            UpdateFile.write(directory.path().resolve(UpdateFolder.FILE), update);
            found.base().ifPresent(record -> record.write(directory.path()));
            if (adapter) {
                Path config = input.resolve(AdapterFolder.CONFIG);
                AtomicOutput.write(
                        directory.path().resolve(AdapterFolder.CONFIG), stream -> Files.copy(config, stream));
            }
            directory.publish();
            return new UpdateExportResult(
                    "compeft",
                    found.tensors().size(),
                    update.entries(),
                    settings.density(),
                    update.nonZeros(),
                    update.fileBytes(),
                    found.originalBytes(),
                    (double) found.originalBytes() / update.fileBytes(),
                    2.0 * update.entries() / update.fileBytes(),
                    8.0 * update.fileBytes() / update.entries(),
                    update.relativeError(),
                    (System.nanoTime() - start) / 1e9,
                    PeakMemory.bytes(),
                    found.warnings());
        }
    }

    private static FoundUpdate find(Path input, Optional<Path> base, MemoryCap cap, Arena arena) {
        if (AdapterFolder.isIn(input)) {
            if (base.isPresent()) {
                throw InvalidRequestException.usage(
                        input + " is an adapter, which is an update by itself; leave --base out");
            }
            return AdapterFolder.open(input).update(cap, arena);
        }
        FloatModel.requireModel(input);
        Path before = base.orElseThrow(() ->
                InvalidRequestException.usage(input + " is a whole model; give the one it was tuned from with --base"));
        FloatModel.requireModel(before);
        if (Manifest.isIn(input) != Manifest.isIn(before)) {
            throw InvalidRequestException.usage("of " + input + " and --base " + before
                    + " one is compressed by Lowbit and one is not; give two of a kind");
        }
        return Manifest.isIn(input)
                ? PartDifference.of(input, before, cap, arena)
                : CheckpointDifference.of(input, before, cap, arena);
    }
}
