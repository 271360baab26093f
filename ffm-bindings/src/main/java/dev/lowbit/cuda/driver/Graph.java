package dev.lowbit.cuda.driver;

/** Recorded work of a stream, see {@link Stream#record}. */
public final class Graph extends DeviceResource {
    private final long handle;

    Graph(Cuda cuda, long handle) {
        super(cuda, "this graph");
        this.handle = handle;
    }

    /** Gives the recorded work to the device's stream. */
    public void launch() {
        cuda.lock().lock();
        try {
            use();
            cuda.check(cuda.driver().graphLaunch(handle, cuda.stream().handle()), "launching a graph");
        } finally {
            cuda.lock().unlock();
        }
    }

    @Override
    void free(Driver driver) {
        driver.graphExecDestroy(handle);
    }
}
