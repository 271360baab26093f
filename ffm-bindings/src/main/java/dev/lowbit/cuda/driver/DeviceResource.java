package dev.lowbit.cuda.driver;

/** Something that belongs to a {@link Cuda} and is freed once: by its owner, or when the device is closed. */
abstract class DeviceResource implements AutoCloseable {
    final Cuda cuda;
    private final String what;
    private boolean closed;

    /** @param what named by the refusal of a use after close */
    DeviceResource(Cuda cuda, String what) {
        this.cuda = cuda;
        this.what = what;
        cuda.register(this);
    }

    /** Makes the context current; with the lock held. */
    final void use() {
        if (closed) {
            throw new IllegalStateException(what + " is closed");
        }
        cuda.use();
    }

    /** Frees the native side; a failure is of no interest any more, a lost device included. */
    abstract void free(Driver driver);

    /** A second call does nothing. */
    @Override
    public final void close() {
        cuda.lock().lock();
        try {
            if (!closed) {
                closed = true;
                cuda.unregister(this);
                if (cuda.useForClosing()) {
                    free(cuda.driver());
                }
            }
        } finally {
            cuda.lock().unlock();
        }
    }
}
