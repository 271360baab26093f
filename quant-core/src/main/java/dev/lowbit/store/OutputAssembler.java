package dev.lowbit.store;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.DigestingChannel;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.SafetensorsWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.function.LongConsumer;

/**
 * Streams finished matrices and the source's other tensors and files into an output directory, and digests them on the way. What was compressed
 * already is copied only with the digests of its manifest: damage would live on under new ones.
 */
final class OutputAssembler {
    private final ModelLayout layout;
    private final String fingerprint;
    private final Path output;
    private final LongConsumer progress;
    private final Map<String, String> tensorDigests = new HashMap<>();
    private final Map<String, String> fileDigests = new HashMap<>();
    private long done;

    OutputAssembler(ModelLayout layout, String fingerprint, Path output, LongConsumer progress) {
        this.layout = layout;
        this.fingerprint = fingerprint;
        this.output = output;
        this.progress = progress;
    }

    /**
     * Fills the empty output directory.
     *
     * @param finished every matrix and every shared set of the layout, by owner
     * @param partsFile where the parts of each are
     */
    void assemble(Map<String, FinishedMatrix> finished, Function<PartOwner, Path> partsFile) {
        for (WeightFile file : layout.weightFiles()) {
            writeWeights(file, finished, partsFile);
        }
        layout.texts().forEach((name, text) -> writeFile(name, text));
        layout.copies().forEach(this::copyFile);
        Map<String, MeasuredError> errors = new HashMap<>();
        finished.forEach((name, record) -> record.error().ifPresent(error -> errors.put(name, error)));
        Manifest manifest = layout.manifest(layout.sourceDigest(), fingerprint, errors, tensorDigests, fileDigests);
        byte[] json = manifest.toJson();
        if (json.length > layout.fileSizes().get(Manifest.FILE)) {
            throw new IllegalStateException("the manifest has " + json.length + " bytes, planned were at most "
                    + layout.fileSizes().get(Manifest.FILE));
        }
        writeFile(Manifest.FILE, json);
        AtomicOutput.writeString(output.resolve(Manifest.DIGEST_FILE), Manifest.digestLine(Digest.sha256(json)));
        progress.accept(layout.outputBytes());
    }

    private void writeWeights(
            WeightFile file, Map<String, FinishedMatrix> finished, Function<PartOwner, Path> partsFile) {
        Path target = resolve(file.name());
        try (SafetensorsWriter writer = SafetensorsWriter.create(target, file.metadata(), file.entries())) {
            for (StoredTensor tensor : file.tensors()) {
                DigestingChannel channel = new DigestingChannel(writer, this::advance);
                if (tensor.isPart()) {
                    PartOwner owner = layout.owners().get(tensor.owner());
                    Path parts = partsFile.apply(owner);
                    try (SafetensorsFile source = SafetensorsFile.open(parts, Limits.defaults())) {
                        source.copyTo(tensor.part(), channel);
                    }
                    tensorDigests.put(tensor.name(), channel.hex());
                    requireDigest(parts, owner, tensor, finished.get(owner.owner()));
                } else {
                    layout.source().copyTo(tensor.name(), channel);
                    String digest = channel.hex();
                    layout.tuned().ifPresent(model -> model.requireIntact(tensor.name(), digest));
                    tensorDigests.put(tensor.name(), digest);
                }
            }
            writer.finish();
        }
        fileDigests.put(file.name(), Digest.sha256(target));
    }

    private void requireDigest(Path file, PartOwner owner, StoredTensor tensor, FinishedMatrix record) {
        String found = tensorDigests.get(tensor.name());
        for (int i = 0; i < owner.parts().size(); i++) {
            if (owner.parts().get(i).name().equals(tensor.part())
                    && !record.digests().get(i).equals(found)) {
                throw new MalformedFileException(
                        file,
                        -1,
                        Reason.FILE_CHANGED,
                        "part " + tensor.name() + " changed after it was written; run again with --resume");
            }
        }
    }

    private void writeFile(String name, byte[] content) {
        Path target = resolve(name);
        AtomicOutput.write(target, stream -> stream.write(content));
        fileDigests.put(name, Digest.sha256(content));
        advance(content.length);
    }

    private void copyFile(String name, Path source) {
        Path target = resolve(name);
        String digest = AtomicOutput.copy(source, target);
        layout.tuned().ifPresent(model -> model.requireIntactFile(name, digest));
        try {
            if (Files.size(target) != layout.fileSizes().get(name)) {
                throw new MalformedFileException(
                        source, -1, Reason.FILE_CHANGED, "changed while the job ran; run the job again from the start");
            }
            fileDigests.put(name, digest);
            advance(Files.size(target));
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + target + ": " + e, e);
        }
    }

    private Path resolve(String name) {
        Path target = output.resolve(name);
        try {
            Files.createDirectories(target.getParent());
            return target;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target + ": " + e, e);
        }
    }

    private void advance(long bytes) {
        done += bytes;
        progress.accept(done);
    }
}
