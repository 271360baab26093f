package dev.lowbit.matrix;

/**
 * A stored part is not what its matrix format promises: the fault of whatever held it. Who read it from a file turns this into a
 * MalformedFileException with that file's name.
 */
public final class MalformedPartException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String part;
    private final String detail;

    /**
     * @param part the name of the part inside its matrix
     * @param detail one line that follows the name: what was found, what is needed
     */
    public MalformedPartException(String part, String detail) {
        super("part " + part + " " + detail);
        this.part = part;
        this.detail = detail;
    }

    /** The name of the part inside its matrix. */
    public String part() {
        return part;
    }

    /** The same fault of the part {@code prefix.name}. */
    public MalformedPartException prefixed(String prefix) {
        return new MalformedPartException(prefix + "." + part, detail);
    }
}
