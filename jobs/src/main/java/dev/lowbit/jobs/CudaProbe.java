package dev.lowbit.jobs;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.util.Locale;

/**
 * Whether the machine has a CUDA driver and devices, found out without needing either: every absence is a sentence, never a
 * failure.
 */
public final class CudaProbe {
    private static final int SUCCESS = 0;

    private CudaProbe() {}

    /** One line: what was found, or why not. */
    public static String describe() {
        String library = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows")
                ? "nvcuda.dll"
                : "libcuda.so.1";
        try (Arena arena = Arena.ofConfined()) {
            return describe(library, lookup(library, arena), arena);
        } catch (IllegalArgumentException | IllegalCallerException | UnsupportedOperationException e) {
            return "not found: no NVIDIA driver (" + library + ") on this machine";
        }
    }

    @SuppressWarnings("restricted")
    private static SymbolLookup lookup(String library, Arena arena) {
        return SymbolLookup.libraryLookup(library, arena);
    }

    private static String describe(String library, SymbolLookup driver, Arena arena) {
        int status = call(driver, "cuInit", FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT), 0);
        if (status != SUCCESS) {
            return library + " found, but it has no usable device (cuInit gave " + status + ")";
        }
        MemorySegment value = arena.allocate(ValueLayout.JAVA_INT);
        FunctionDescriptor intoPointer = FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS);
        int version = call(driver, "cuDriverGetVersion", intoPointer, value) == SUCCESS
                ? value.get(ValueLayout.JAVA_INT, 0)
                : 0;
        int devices = call(driver, "cuDeviceGetCount", intoPointer, value) == SUCCESS
                ? value.get(ValueLayout.JAVA_INT, 0)
                : 0;
        return "driver for CUDA " + version / 1000 + "." + version % 1000 / 10 + " with " + devices
                + " device(s) found, not used: this build computes on the CPU only";
    }

    /** The status of a driver call; -1 when the driver lacks the function. */
    @SuppressWarnings("restricted")
    private static int call(SymbolLookup driver, String name, FunctionDescriptor type, Object argument) {
        var symbol = driver.find(name);
        if (symbol.isEmpty()) {
            return -1;
        }
        try {
            return (int)
                    Linker.nativeLinker().downcallHandle(symbol.get(), type).invoke(argument);
        } catch (Throwable e) {
            throw new IllegalStateException(name + " failed", e);
        }
    }
}
