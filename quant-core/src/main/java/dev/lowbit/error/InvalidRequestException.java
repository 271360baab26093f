package dev.lowbit.error;

/** The caller asked for something that cannot be done: the caller's fault, never the file's and never a bug of ours. */
public final class InvalidRequestException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Why the request is refused; the command maps it to its exit code. */
    public enum Kind {
        /** Unknown or contradictory options, shapes that do not fit, a pattern that matches nothing. */
        USAGE,
        /** Well-formed but impossible: a cap below the largest matrix, an output that exists. */
        IMPOSSIBLE,
        /** Impossible because of the budget alone: nothing that the method can write is small enough; a larger one would do. */
        BUDGET_TOO_SMALL,
        /** Impossible because of a format alone: its types cannot hold values as large as these; another may. */
        BEYOND_FORMAT
    }

    private final Kind kind;

    private InvalidRequestException(Kind kind, String message) {
        super(message);
        this.kind = kind;
    }

    /** @param message one line: what was given, what is needed, what to do */
    public static InvalidRequestException usage(String message) {
        return new InvalidRequestException(Kind.USAGE, message);
    }

    /** @param message one line: what was given, what is needed, what to do */
    public static InvalidRequestException impossible(String message) {
        return new InvalidRequestException(Kind.IMPOSSIBLE, message);
    }

    /** @param message one line: what was given, what is needed, what to do */
    public static InvalidRequestException budgetTooSmall(String message) {
        return new InvalidRequestException(Kind.BUDGET_TOO_SMALL, message);
    }

    /** @param message one line: what was given, what is needed, what to do; callers that know the tensor add its name */
    public static InvalidRequestException beyondFormat(String message) {
        return new InvalidRequestException(Kind.BEYOND_FORMAT, message);
    }

    public Kind kind() {
        return kind;
    }
}
