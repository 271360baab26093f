package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.compeft.UpdateTensor;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.PartEntry;
import dev.lowbit.store.TunedParts;
import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What tuning changed in the float parts of a compressed model: the difference of every part whose digest is not the same, in 32-bit floats. */
final class PartDifference {
    private PartDifference() {}

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
            TunedParts parts = TunedParts.of(before, after);
            BaseRecord record = BaseRecord.of(before.manifest(), parts.changed().keySet());
            return read(parts, record, after.directory(), cap, arena);
        }
    }

    private static FoundUpdate read(TunedParts parts, BaseRecord record, Path directory, MemoryCap cap, Arena arena) {
        long bytes = 0;
        long values = 0;
        for (Map.Entry<String, PartEntry> part : parts.changed().entrySet()) {
            PartEntry entry = part.getValue();
            requireFloats(part.getKey(), entry);
            bytes += entry.bytes();
            values += entry.bytes() / entry.type().bytes();
        }
        cap.require(FoundUpdate.memoryBytes(values, Float.BYTES), "this update", "use a larger machine");
        List<UpdateTensor> tensors = new ArrayList<>();
        parts.changed().forEach((tensor, part) -> {
            try (Arena mapping = Arena.ofConfined()) {
                MemorySegment difference =
                        StoredFloats.widened(directory, tensor, part.type(), parts.after(tensor, mapping), arena);
                StoredFloats.subtract(
                        difference,
                        StoredFloats.widened(directory, tensor, part.type(), parts.before(tensor, mapping), mapping));
                tensors.add(new UpdateTensor(tensor, DType.F32, part.shape(), difference));
            }
        });
        return new FoundUpdate(tensors, bytes, Optional.of(record), List.of());
    }

    private static void requireFloats(String name, PartEntry part) {
        if (!StoredFloats.isSupported(part.type())) {
            throw InvalidRequestException.impossible("part " + name + " is " + part.type()
                    + " and differs; ComPEFT takes changes of floats only: compress in a format whose tables are f16 or bf16"
                    + " (--method sketchtune --format sketch4-r1-f16), then tune with --parts all");
        }
    }
}
