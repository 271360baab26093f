package dev.lowbit.error;

/** An accelerator was asked for and is absent, out of memory, or lost. */
public final class DeviceException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message one line: what was given, what is needed, what to do */
    public DeviceException(String message) {
        super(message);
    }
}
