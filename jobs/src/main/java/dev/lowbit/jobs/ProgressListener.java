package dev.lowbit.jobs;

/**
 * Hears how far a job is. A job opens one stage after another and advances it in its unit of work; all methods may be
 * called from any thread.
 */
public interface ProgressListener {
    /**
     * Begins a stage.
     *
     * @param name what is being done, for example {@code pricing}
     * @param total amount of work in {@code unit}, at least 0
     * @param unit what is counted, for example {@code weights}
     */
    Stage stage(String name, long total, String unit);

    /** Tells the user one line worth reading, for example a warning. */
    void note(String line);

    /** One stage of a job; closing it ends it, finished or not. */
    interface Stage extends AutoCloseable {
        /** Adds {@code amount} units of finished work. */
        void advance(long amount);

        @Override
        void close();
    }

    /** Hears nothing. */
    static ProgressListener none() {
        return Silence.LISTENER;
    }
}

enum Silence implements ProgressListener, ProgressListener.Stage {
    LISTENER;

    @Override
    public Stage stage(String name, long total, String unit) {
        return this;
    }

    @Override
    public void note(String line) {
        // nobody listens
    }

    @Override
    public void advance(long amount) {
        // nobody listens
    }

    @Override
    public void close() {
        // nothing is open
    }
}
