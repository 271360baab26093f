package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.TensorEntry;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * What an update of a compressed model leaves as it is, its codes above all: tables mean nothing beside other codes, and nothing else would tell.
 *
 * @param unchanged digest of the digests of all parts and tensors that the update does not change
 */
record BaseRecord(String unchanged) {
    private static final String FILE = "base.json";
    private static final String FIELD = "unchanged";

    /** That of a model, for an update that changes these parts. */
    static BaseRecord of(Manifest model, Set<String> changed) {
        StringBuilder lines = new StringBuilder();
        new TreeMap<>(model.partsByTensor()).forEach((name, part) -> {
            if (!changed.contains(name)) {
                lines.append(name).append(' ').append(part.sha256()).append('\n');
            }
        });
        for (TensorEntry tensor : model.tensors()) {
            lines.append(tensor.name()).append(' ').append(tensor.sha256()).append('\n');
        }
        return new BaseRecord(Digest.sha256(lines.toString().getBytes(StandardCharsets.UTF_8)));
    }

    /** Writes it beside an update. */
    void write(Path directory) {
        AtomicOutput.writeString(directory.resolve(FILE), JsonOutput.text(Map.of(FIELD, unchanged)) + "\n");
    }

    /**
     * Reads it; empty where there is none.
     *
     * @throws MalformedFileException when it is not what {@link #write} writes
     */
    static Optional<BaseRecord> read(Path directory) {
        Path file = directory.resolve(FILE);
        if (Files.notExists(file)) {
            return Optional.empty();
        }
        Limits limits = Limits.defaults();
        if (StrictJson.readObject(file, limits.maxConfigBytes(), limits).get(FIELD) instanceof String digest) {
            return Optional.of(new BaseRecord(digest));
        }
        throw new MalformedFileException(
                file, -1, Reason.MISSING_FIELD, FIELD + " is no digest; export the update again");
    }
}
