package dev.lowbit.jobs.update;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Set;

/** The numbers of an update, one tensor at a time. */
interface UpdateValues {
    /** Names of its tensors, sorted. */
    Set<String> names();

    /** The shape of a tensor that is there. */
    List<Long> shape(String name);

    /** The values of a tensor that is there, as finite floats. */
    MemorySegment values(String name, Arena arena);
}
