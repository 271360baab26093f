package dev.lowbit.jobs.update;

import dev.lowbit.compeft.UpdateTensor;
import java.util.List;
import java.util.Optional;

/**
 * An update as it was found, before it is compressed.
 *
 * @param tensors its values, over memory that somebody else owns
 * @param originalBytes what its tensors take in the files that they come from, headers not counted
 * @param base what a compressed model has beside it, which its base must have too; empty for other updates
 * @param warnings what a user should know about it, one line each
 */
record FoundUpdate(List<UpdateTensor> tensors, long originalBytes, Optional<BaseRecord> base, List<String> warnings) {
    FoundUpdate {
        tensors = List.copyOf(tensors);
        warnings = List.copyOf(warnings);
    }

    /** Bytes of memory that compressing so many values takes: the values, and a bit for either sign. */
    static long memoryBytes(long values, int bytesOfValue) {
        return values * bytesOfValue + values / 4;
    }
}
