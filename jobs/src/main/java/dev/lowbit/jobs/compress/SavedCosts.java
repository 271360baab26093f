package dev.lowbit.jobs.compress;

import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Keeps the file of a cost table near to what a job knows: a killed job loses little, and as the file is rewritten whole, with all matrices, it is
 * rewritten the more rarely the longer that takes. Closing writes what is left.
 */
final class SavedCosts implements AutoCloseable {
    /** Times that a writing took, until the next. */
    private static final int WORK_PER_WRITING = 20;

    private final Optional<Path> file;
    private final CostTable table;
    private boolean changed;
    private long lastNanos = System.nanoTime();
    private long writingNanos;

    /** @param file where the table is kept, if anywhere */
    SavedCosts(Optional<Path> file, CostTable table) {
        this.file = file;
        this.table = table;
    }

    Optional<Path> file() {
        return file;
    }

    /**
     * To be called when the table has grown.
     *
     * @throws UncheckedIOException when the file cannot be written
     */
    void keep() {
        changed = true;
        if (System.nanoTime() - lastNanos >= WORK_PER_WRITING * writingNanos) {
            close();
        }
    }

    @Override
    public void close() {
        if (!changed || file.isEmpty()) {
            return;
        }
        long start = System.nanoTime();
        CostTableFile.write(file.get(), table);
        changed = false;
        lastNanos = System.nanoTime();
        writingNanos = lastNanos - start;
    }
}
