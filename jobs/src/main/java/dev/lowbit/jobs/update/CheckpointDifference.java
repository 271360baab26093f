package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.compeft.UpdateTensor;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.store.FloatModel;
import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What fine-tuning changed in a checkpoint: the difference of every tensor whose bytes are not the same, in 32-bit floats. */
final class CheckpointDifference {
    private final Checkpoint tuned;
    private final Checkpoint base;

    private CheckpointDifference(Checkpoint tuned, Checkpoint base) {
        this.tuned = tuned;
        this.base = base;
    }

    /**
     * Reads both.
     *
     * @param arena keeps the differences
     * @throws InvalidRequestException (impossible) when they do not have the same tensors, or no tensor differs
     */
    static FoundUpdate of(Path tuned, Path base, MemoryCap cap, Arena arena) {
        try (Checkpoint after = Checkpoint.open(tuned);
                Checkpoint before = Checkpoint.open(base)) {
            FloatModel.require(after);
            FloatModel.require(before);
            return new CheckpointDifference(after, before).read(cap, arena);
        }
    }

    private FoundUpdate read(MemoryCap cap, Arena arena) {
        requireSameTensors();
        List<TensorInfo> changed = new ArrayList<>();
        long bytes = 0;
        long values = 0;
        for (String name : tuned.names()) {
            if (differs(name)) {
                TensorInfo info = tuned.info(name);
                StoredFloats.requireSupported(name, info.type());
                changed.add(info);
                bytes += info.byteSize();
                values += info.elements();
            }
        }
        if (changed.isEmpty()) {
            throw InvalidRequestException.impossible("no tensor of " + tuned.root() + " differs from " + base.root()
                    + "; give the model that was fine-tuned and, with --base, the one it began as");
        }
        cap.require(FoundUpdate.memoryBytes(values, Float.BYTES), "this update", "use a larger machine");
        List<UpdateTensor> tensors = new ArrayList<>();
        for (TensorInfo info : changed) {
            MemorySegment difference = widened(tuned, info.name(), arena);
            try (Arena passing = Arena.ofConfined()) {
                StoredFloats.subtract(difference, widened(base, info.name(), passing));
            }
            tensors.add(new UpdateTensor(info.name(), DType.F32, info.shape(), difference));
        }
        return new FoundUpdate(tensors, bytes, Optional.empty(), List.of());
    }

    private void requireSameTensors() {
        List<String> names = tuned.names();
        for (String name : names) {
            if (!base.contains(name)) {
                throw mismatch("has no tensor " + name);
            }
            TensorInfo after = tuned.info(name);
            TensorInfo before = base.info(name);
            if (after.type() != before.type() || !after.shape().equals(before.shape())) {
                throw mismatch("has tensor " + name + " as " + before.type() + before.shape() + ", not as "
                        + after.type() + after.shape());
            }
        }
        base.names().stream().filter(name -> !tuned.contains(name)).findFirst().ifPresent(name -> {
            throw mismatch("also has tensor " + name);
        });
    }

    private InvalidRequestException mismatch(String what) {
        return InvalidRequestException.impossible("base " + base.root() + " " + what + ": it is not what "
                + tuned.root() + " was fine-tuned from; give that checkpoint, in the same element types");
    }

    private boolean differs(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return tuned.map(name, arena).mismatch(base.map(name, arena)) >= 0;
        }
    }

    private static MemorySegment widened(Checkpoint checkpoint, String name, Arena arena) {
        TensorInfo info = checkpoint.info(name);
        try (Arena mapping = Arena.ofConfined()) {
            return StoredFloats.widened(info.file(), name, info.type(), checkpoint.map(name, mapping), arena);
        }
    }
}
