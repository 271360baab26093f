package dev.lowbit.error;

/** The input is well-formed but not something Lowbit reads (pickle) or can run (unknown architecture). */
public final class UnsupportedModelException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** @param message one line: what was given, what is needed, what to do */
    public UnsupportedModelException(String message) {
        super(message);
    }
}
