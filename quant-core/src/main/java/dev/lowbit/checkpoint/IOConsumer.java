package dev.lowbit.checkpoint;

import java.io.IOException;

/** A consumer that may fail with an I/O error. */
@FunctionalInterface
public interface IOConsumer<T> {
    void accept(T target) throws IOException;
}
