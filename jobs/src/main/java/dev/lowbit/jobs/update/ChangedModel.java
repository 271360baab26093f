package dev.lowbit.jobs.update;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.compress.Cancellation;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.CompressionJob;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.ModelLayout;
import dev.lowbit.store.ModelWriter;
import dev.lowbit.store.PartEntry;
import dev.lowbit.store.SharedParts;
import dev.lowbit.store.WorkDirectory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Writes a compressed model once more with some float parts changed: same formats, same codes. What was lost in compression is then unknown for the
 * matrices that have one of these parts. One matrix is in memory at a time. A base that is damaged is refused.
 */
final class ChangedModel {
    private final CompressedModel base;
    private final UpdateValues update;

    /**
     * @param base stays open as long as this is used
     * @throws InvalidRequestException (impossible) when the base does not have a part, or not as floats of the update's shape
     */
    ChangedModel(CompressedModel base, UpdateValues update) {
        this.base = base;
        this.update = update;
        Map<String, PartEntry> parts = base.manifest().partsByTensor();
        for (String name : update.names()) {
            PartEntry part = parts.get(name);
            if (part == null || !part.shape().equals(update.shape(name)) || !StoredFloats.isSupported(part.type())) {
                throw InvalidRequestException.impossible("base " + base.directory() + " has "
                        + (part == null ? "no part " + name : "part " + name + " as " + part.type() + part.shape())
                        + ", the update changes floats of " + update.shape(name)
                        + "; give the compressed model that the update was made for");
            }
        }
    }

    /** Writes the model; a write that was stopped goes on. */
    Manifest write(CompressionJob job, WorkDirectory work, ProgressListener progress) {
        ModelLayout layout = ModelLayout.of(base, job, Map.of());
        List<MatrixEntry> matrices = base.manifest().matrices();
        long weights = matrices.stream().mapToLong(MatrixEntry::weights).sum();
        try (ModelWriter writer = ModelWriter.open(layout, work);
                ProgressListener.Stage stage = progress.stage("merging", weights, "weights")) {
            for (SharedParts set : base.manifest().shared()) {
                if (!writer.hasShared(set.id())) {
                    share(set, writer);
                }
            }
            for (MatrixEntry entry : matrices) {
                Cancellation.check();
                if (!writer.has(entry.name())) {
                    keep(entry, writer);
                }
                stage.advance(entry.weights());
            }
            return writer.finish();
        }
    }

    private void share(SharedParts set, ModelWriter writer) {
        try (Arena arena = Arena.ofShared()) {
            MatrixEntry user = base.manifest().matrices().stream()
                    .filter(entry -> entry.shared()
                            .filter(use -> use.id().equals(set.id()))
                            .isPresent())
                    .findFirst()
                    .orElseThrow();
            Map<String, Part> parts = parts(user, arena);
            writer.share(
                    set.id(),
                    set.parts().stream().map(part -> parts.get(part.name())).toList());
        }
    }

    private void keep(MatrixEntry entry, ModelWriter writer) {
        try (Arena arena = Arena.ofShared()) {
            boolean changes = base.manifest().tensorsOf(entry).values().stream().anyMatch(update.names()::contains);
            if (changes) {
                writer.keep(entry.name(), changed(entry, parts(entry, arena)), Optional.empty());
            } else {
                writer.keep(entry.name(), base.intactMatrix(entry.name(), arena), entry.error());
            }
        }
    }

    private static QuantizedMatrix changed(MatrixEntry entry, Map<String, Part> parts) {
        try {
            return MatrixFormats.read(entry.format(), entry.rows(), entry.columns(), parts);
        } catch (MalformedPartException e) {
            throw InvalidRequestException.impossible("with the update " + entry.name() + " is impossible: "
                    + e.getMessage() + "; the update does not belong to this base, or its scale is wrong");
        }
    }

    /** All parts of a matrix by name, those that it shares included, with the update added. */
    private Map<String, Part> parts(MatrixEntry entry, Arena arena) {
        Map<String, String> tensors = base.manifest().tensorsOf(entry);
        Map<String, Part> parts = new LinkedHashMap<>();
        for (Part part : base.intactMatrix(entry.name(), arena).parts()) {
            String tensor = tensors.get(part.name());
            parts.put(part.name(), update.names().contains(tensor) ? changed(part, tensor, entry, arena) : part);
        }
        return parts;
    }

    private Part changed(Part part, String tensor, MatrixEntry entry, Arena arena) {
        MemorySegment floats =
                StoredFloats.widened(base.directory().resolve(entry.file()), tensor, part.type(), part.bytes(), arena);
        Differences.of(update, tensor).addTo(floats);
        return new Part(
                part.name(), part.type(), part.shape(), StoredFloats.narrowed(tensor, part.type(), floats, arena));
    }
}
