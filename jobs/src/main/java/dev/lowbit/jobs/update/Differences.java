package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import java.lang.foreign.Arena;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An update whose tensors are differences of a base's tensors of the same names. */
final class Differences {
    private Differences() {}

    /**
     * What is added to each tensor of a checkpoint.
     *
     * @throws InvalidRequestException (impossible) when the checkpoint does not have a tensor, or in another shape
     */
    static Map<String, TensorChange> of(UpdateValues update, Checkpoint base) {
        Map<String, TensorChange> changes = new LinkedHashMap<>();
        for (String name : update.names()) {
            if (!base.contains(name)) {
                throw noSuch(base, name);
            }
            TensorInfo info = base.info(name);
            requireShape(base, name, info.shape(), update.shape(name));
            StoredFloats.requireSupported(name, info.type());
            changes.put(name, of(update, name));
        }
        return changes;
    }

    /** One tensor of an update, which is decoded when it is added. */
    static TensorChange of(UpdateValues update, String name) {
        return tensor -> {
            try (Arena arena = Arena.ofConfined()) {
                StoredFloats.add(tensor, update.values(name, arena));
            }
        };
    }

    private static void requireShape(Checkpoint base, String name, List<Long> found, List<Long> needed) {
        if (!found.equals(needed)) {
            throw InvalidRequestException.impossible("base " + base.root() + " has tensor " + name + " as " + found
                    + ", the update as " + needed + "; give the base that the update was made for");
        }
    }

    private static InvalidRequestException noSuch(Checkpoint base, String name) {
        return InvalidRequestException.impossible("base " + base.root() + " has no tensor " + name
                + ", which the update changes; give the base that the update was made for");
    }
}
