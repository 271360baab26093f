package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.compeft.UpdateTensor;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.PartEntry;
import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What tuning changed in the float parts of a compressed model: the difference of every part whose digest is not the same, in 32-bit floats. */
final class PartDifference {
    private final CompressedModel tuned;
    private final CompressedModel base;

    private PartDifference(CompressedModel tuned, CompressedModel base) {
        this.tuned = tuned;
        this.base = base;
    }

    /**
     * Reads both.
     *
     * @param arena keeps the differences
     * @throws InvalidRequestException (impossible) when one was not tuned from the other, when codes or other integers differ, or nothing does
     * @throws MalformedFileException DAMAGED when a part does not have its digest
     */
    static FoundUpdate of(Path tuned, Path base, MemoryCap cap, Arena arena) {
        try (CompressedModel after = CompressedModel.open(tuned);
                CompressedModel before = CompressedModel.open(base)) {
            return new PartDifference(after, before).read(cap, arena);
        }
    }

    private FoundUpdate read(MemoryCap cap, Arena arena) {
        Map<String, PartEntry> after = StoredParts.of(tuned.manifest());
        Map<String, PartEntry> before = StoredParts.of(base.manifest());
        requireSameModel(after, before);
        Map<String, PartEntry> changed = new LinkedHashMap<>();
        long bytes = 0;
        long values = 0;
        for (Map.Entry<String, PartEntry> part : after.entrySet()) {
            PartEntry entry = part.getValue();
            if (!entry.sha256().equals(before.get(part.getKey()).sha256())) {
                requireFloats(part.getKey(), entry);
                changed.put(part.getKey(), entry);
                bytes += entry.bytes();
                values += entry.bytes() / entry.type().bytes();
            }
        }
        if (changed.isEmpty()) {
            throw InvalidRequestException.impossible("no part of " + tuned.directory() + " differs from "
                    + base.directory() + "; give the model that was tuned and, with --base, the one it was tuned from");
        }
        cap.require(FoundUpdate.memoryBytes(values, Float.BYTES), "this update", "use a larger machine");
        BaseRecord record = BaseRecord.of(base.manifest(), changed.keySet());
        List<UpdateTensor> tensors = new ArrayList<>();
        changed.forEach((name, part) -> {
            MemorySegment difference = widened(tuned, name, part, arena);
            try (Arena passing = Arena.ofConfined()) {
                StoredFloats.subtract(difference, widened(base, name, before.get(name), passing));
            }
            tensors.add(new UpdateTensor(name, DType.F32, part.shape(), difference));
        });
        return new FoundUpdate(tensors, bytes, Optional.of(record), List.of());
    }

    private void requireSameModel(Map<String, PartEntry> after, Map<String, PartEntry> before) {
        if (!StoredParts.formats(tuned.manifest()).equals(StoredParts.formats(base.manifest()))
                || !after.keySet().equals(before.keySet())) {
            throw InvalidRequestException.impossible("base " + base.directory()
                    + " has other matrices, or the same in other formats: it is not what " + tuned.directory()
                    + " was tuned from; give that model");
        }
        if (!tuned.manifest().tensors().equals(base.manifest().tensors())) {
            throw InvalidRequestException.impossible(
                    "base " + base.directory() + " differs from " + tuned.directory()
                            + " in tensors that are not compressed, which tuning never changes; give the model that it was tuned from");
        }
    }

    private static void requireFloats(String name, PartEntry part) {
        if (!StoredFloats.isSupported(part.type())) {
            throw InvalidRequestException.impossible("part " + name + " is " + part.type()
                    + " and differs; ComPEFT takes changes of floats only: compress in a format whose tables are f16 or bf16"
                    + " (--method sketchtune --format sketch4-r1-f16), then tune with --parts all");
        }
    }

    /** A damaged part must not live on in an update that nothing can check. */
    private static MemorySegment widened(CompressedModel model, String name, PartEntry part, Arena arena) {
        Path file = model.checkpointOfOthers().info(name).file();
        try (Arena mapping = Arena.ofConfined()) {
            MemorySegment bytes = model.checkpointOfOthers().map(name, mapping);
            if (!Digest.sha256(bytes).equals(part.sha256())) {
                throw new MalformedFileException(
                        file,
                        -1,
                        Reason.DAMAGED,
                        "tensor " + name + " does not have the digest of the manifest; lowbit verify lists all damage");
            }
            return StoredFloats.widened(file, name, part.type(), bytes, arena);
        }
    }
}
