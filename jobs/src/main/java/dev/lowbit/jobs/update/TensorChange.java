package dev.lowbit.jobs.update;

import java.lang.foreign.MemorySegment;

/** What is added to one tensor of a base. */
interface TensorChange {
    /**
     * Adds it.
     *
     * @param tensor the base's values as floats, row-major; modified
     */
    void addTo(MemorySegment tensor);
}
