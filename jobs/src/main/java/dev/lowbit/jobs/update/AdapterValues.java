package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.UnsupportedModelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/**
 * The numbers of an adapter that was not compressed.
 *
 * @param weights stays open as long as this is used; all of types that are read as weights
 */
record AdapterValues(Checkpoint weights) implements UpdateValues {
    /** @throws UnsupportedModelException when a tensor is of integers or another type that holds no weights */
    AdapterValues {
        for (String name : weights.names()) {
            TensorInfo info = weights.info(name);
            if (!info.type().isWeight()) {
                throw new UnsupportedModelException(info.file() + ": tensor " + name + " is " + info.type()
                        + "; an adapter is merged whose factors are floats: F32, F16, BF16, F64 or F8");
            }
        }
    }

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
