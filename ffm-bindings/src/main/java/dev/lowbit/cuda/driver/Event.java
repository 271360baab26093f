package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

/** A point in the work of a device's stream. */
public final class Event extends DeviceResource {
    private final long handle;

    Event(Cuda cuda, long handle) {
        super(cuda, "this event");
        this.handle = handle;
    }

    /** Puts this event behind all work given to the stream so far. */
    public void record() {
        cuda.lock().lock();
        try {
            use();
            cuda.check(cuda.driver().eventRecord(handle, cuda.stream().handle()), "recording an event");
        } finally {
            cuda.lock().unlock();
        }
    }

    /** Waits until the stream has reached it; returns at once when it was never recorded. */
    public void synchronize() {
        cuda.lock().lock();
        try {
            use();
            cuda.check(cuda.driver().eventSynchronize(handle), "waiting for the device");
        } finally {
            cuda.lock().unlock();
        }
    }

    /** Milliseconds that the device took from {@code start} to this event, both recorded and reached; the driver's resolution is about half a microsecond. */
    public float millisecondsSince(Event start) {
        cuda.lock().lock();
        try {
            use();
            start.use();
            cuda.check(cuda.driver().eventElapsedTime(cuda.scratch(), start.handle, handle), "measuring time");
            return cuda.scratch().get(JAVA_FLOAT, 0);
        } finally {
            cuda.lock().unlock();
        }
    }

    @Override
    void free(Driver driver) {
        driver.eventDestroy(handle);
    }
}
