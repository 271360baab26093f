package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Where the driver's compiler of PTX writes what it has to say when a module is loaded. */
final class JitLog {
    /** How many options {@link #keys} and {@link #values} hold. */
    static final int OPTIONS = 2;

    private static final int BYTES = 8192;

    private final MemorySegment text;
    private final MemorySegment keys;
    private final MemorySegment values;

    JitLog(Arena arena) {
        text = arena.allocate(BYTES);
        keys = arena.allocateFrom(JAVA_INT, Constants.JIT_ERROR_LOG_BUFFER, Constants.JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
        values = arena.allocateFrom(JAVA_LONG, text.address(), BYTES);
    }

    MemorySegment keys() {
        return keys;
    }

    MemorySegment values() {
        return values;
    }

    /** What was written, after a colon on one line, or nothing. */
    String text() {
        text.set(JAVA_BYTE, BYTES - 1, (byte) 0);
        String written = text.getString(0).strip().replaceAll("\\s*\\R\\s*", "; ");
        return written.isEmpty() ? "" : " (" + written + ")";
    }
}
