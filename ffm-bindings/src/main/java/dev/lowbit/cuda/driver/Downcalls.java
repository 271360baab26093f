package dev.lowbit.cuda.driver;

/** What calls of native functions have in common. */
public final class Downcalls {
    private Downcalls() {}

    /**
     * What a method handle threw, to be thrown again: native functions throw nothing, so it is of our own making.
     *
     * @throws Error when it is one
     */
    public static RuntimeException failed(Throwable thrown) {
        return switch (thrown) {
            case RuntimeException exception -> exception;
            case Error error -> throw error;
            default -> new IllegalStateException(thrown);
        };
    }
}
