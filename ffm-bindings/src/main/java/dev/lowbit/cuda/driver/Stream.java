package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** A queue of work on a device; see {@link Cuda#stream}. Ends with its device. */
public final class Stream {
    private final Cuda cuda;
    private final long handle;

    Stream(Cuda cuda, long handle) {
        this.cuda = cuda;
        this.handle = handle;
    }

    /** Waits until all work given so far is done. */
    public void synchronize() {
        cuda.lock().lock();
        try {
            cuda.use();
            cuda.check(cuda.driver().streamSynchronize(handle), "waiting for the device");
        } finally {
            cuda.lock().unlock();
        }
    }

    /**
     * Records the launches and device-to-device copies that {@code work} gives to this stream, without running them.
     *
     * @param work must not copy from or to host memory, nor wait; what it allocates must outlive the graph
     * @return all of it as one unit that is launched at the cost of one
     */
    public Graph record(Runnable work) {
        cuda.lock().lock();
        try {
            cuda.use();
            cuda.check(
                    cuda.driver().streamBeginCapture(handle, Constants.STREAM_CAPTURE_MODE_THREAD_LOCAL),
                    "starting to record work");
            try {
                work.run();
            } catch (RuntimeException e) {
                if (cuda.driver().streamEndCapture(handle, cuda.scratch()) == Status.SUCCESS) {
                    cuda.driver().graphDestroy(cuda.scratch().get(JAVA_LONG, 0));
                }
                throw e;
            }
            cuda.check(cuda.driver().streamEndCapture(handle, cuda.scratch()), "recording work");
            long graph = cuda.scratch().get(JAVA_LONG, 0);
            int status = cuda.driver().graphInstantiate(cuda.scratch(), graph, 0);
            cuda.driver().graphDestroy(graph);
            cuda.check(status, "making a graph of recorded work");
            return new Graph(cuda, cuda.scratch().get(JAVA_LONG, 0));
        } finally {
            cuda.lock().unlock();
        }
    }

    /** The driver's handle, for libraries that put work into this stream. */
    public long handle() {
        return handle;
    }
}
