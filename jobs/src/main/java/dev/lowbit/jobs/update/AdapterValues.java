package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The numbers of an adapter that was not compressed.
 *
 * @param weights stays open as long as this is used
 */
record AdapterValues(Checkpoint weights) implements UpdateValues {
    @Override
    public Set<String> names() {
        return new TreeSet<>(weights.names());
    }

    @Override
    public List<Long> shape(String name) {
        return weights.info(name).shape();
    }

    @Override
    public MemorySegment values(String name, Arena arena) {
        TensorInfo info = weights.info(name);
        try (Arena mapping = Arena.ofConfined()) {
            return StoredFloats.widened(info.file(), name, info.type(), weights.map(name, mapping), arena);
        }
    }
}
