package dev.lowbit.device;

/**
 * What looking for something in the machine gave: the thing, or one sentence that says why it is not there and how to get it. Absence is a value, not a failure.
 *
 * @param <T> what was looked for
 */
public sealed interface Finding<T> {
    /**
     * It is there.
     *
     * @param value what was found
     */
    record Found<T>(T value) implements Finding<T> {}

    /**
     * It is not there.
     *
     * @param reason one line: what is missing and how to get it
     */
    record Absent<T>(String reason) implements Finding<T> {}
}
