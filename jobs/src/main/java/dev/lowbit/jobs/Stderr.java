package dev.lowbit.jobs;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The process's standard error. The launcher starts the JVM with a filter there, to drop the line about incubator modules
 * which the JVM prints before any class of ours is loaded, and passes the real stream under another descriptor.
 */
final class Stderr {
    private static final String REAL_DESCRIPTOR_PROPERTY = "lowbit.stderr";
    private static final int STDERR = 2;

    private Stderr() {}

    /** Makes the real stream descriptor 2 again; without a launcher there is nothing to do. */
    static void restore() {
        Integer real = Integer.getInteger(REAL_DESCRIPTOR_PROPERTY);
        if (real != null && call("dup2", real, STDERR) == STDERR) {
            call("close", real);
        }
    }

    /** Whether a person watches it. */
    static boolean isTerminal() {
        return call("isatty", STDERR) == 1;
    }

    /** Calls a C function of ints; -1 where the C library has no such function, as on Windows. */
    @SuppressWarnings("restricted")
    private static int call(String name, int... arguments) {
        Linker linker = Linker.nativeLinker();
        var symbol = linker.defaultLookup().find(name);
        if (symbol.isEmpty()) {
            return -1;
        }
        ValueLayout[] parameters = new ValueLayout[arguments.length];
        java.util.Arrays.fill(parameters, ValueLayout.JAVA_INT);
        MethodHandle handle =
                linker.downcallHandle(symbol.get(), FunctionDescriptor.of(ValueLayout.JAVA_INT, parameters));
        try {
            return (int) handle.asSpreader(int[].class, arguments.length).invoke(arguments);
        } catch (Throwable e) {
            throw new IllegalStateException(name + " of the C library failed", e);
        }
    }
}
