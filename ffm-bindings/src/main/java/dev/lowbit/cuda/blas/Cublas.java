package dev.lowbit.cuda.blas;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.Downcalls;
import dev.lowbit.cuda.driver.Toolkit;
import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;

/** NVIDIA's dense products, where the machine has them: what packed ones are compared with. */
@SuppressWarnings("restricted")
public final class Cublas implements AutoCloseable {
    static final int SUCCESS = 0;
    static final int OP_N = 0;
    static final int OP_T = 1;
    static final int R_16BF = 14;
    static final int R_32F = 0;
    static final int COMPUTE_32F = 68;
    static final int GEMM_DEFAULT = -1;

    private static final List<String> NAMES = List.of("libcublas.so.13", "libcublas.so.12");

    private final SymbolLookup symbols;
    private final Arena arena = Arena.ofShared();
    private final MethodHandle gemm;
    private final MethodHandle destroy;
    private final MemorySegment one = arena.allocateFrom(JAVA_FLOAT, 1);
    private final MemorySegment zero = arena.allocateFrom(JAVA_FLOAT, 0);
    private final long handle;

    /** Loads it and ties it to the stream of a device; or says why not. */
    public static Finding<Cublas> open(Cuda cuda) {
        for (String library : libraries()) {
            try {
                SymbolLookup symbols = SymbolLookup.libraryLookup(library, Arena.global());
                return new Finding.Found<>(new Cublas(symbols, cuda));
            } catch (IllegalArgumentException e) {
                continue; // not there
            } catch (DeviceException e) {
                return new Finding.Absent<>(e.getMessage());
            }
        }
        return new Finding.Absent<>("no cuBLAS (libcublas.so.12 or .13) on this machine; install the CUDA toolkit's");
    }

    private static List<String> libraries() {
        List<String> all = new ArrayList<>(NAMES);
        Toolkit.libraryFolders().stream()
                .flatMap(folder -> NAMES.stream().map(folder::resolve))
                .filter(Files::isRegularFile)
                .forEach(file -> all.add(file.toString()));
        return all;
    }

    private Cublas(SymbolLookup symbols, Cuda cuda) {
        this.symbols = symbols;
        this.destroy = bind("cublasDestroy_v2", JAVA_LONG);
        this.gemm = bind(
                "cublasGemmEx",
                JAVA_LONG,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                ADDRESS,
                JAVA_LONG,
                JAVA_INT,
                JAVA_INT,
                JAVA_LONG,
                JAVA_INT,
                JAVA_INT,
                ADDRESS,
                JAVA_LONG,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT);
        try {
            MemorySegment out = arena.allocate(JAVA_LONG);
            // The context of the device must be that of this thread, which asking it for anything does.
            cuda.stream().synchronize();
            check("cublasCreate", (int) bind("cublasCreate_v2", ADDRESS).invokeExact(out));
            this.handle = out.get(JAVA_LONG, 0);
            check("cublasSetStream", (int) bind("cublasSetStream_v2", JAVA_LONG, JAVA_LONG)
                    .invokeExact(handle, cuda.stream().handle()));
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    private MethodHandle bind(String function, MemoryLayout... arguments) {
        MemorySegment symbol = symbols.find(function)
                .orElseThrow(() -> new DeviceException("the cuBLAS of this machine has no " + function));
        return Linker.nativeLinker().downcallHandle(symbol, FunctionDescriptor.of(JAVA_INT, arguments));
    }

    /**
     * Y = X Wᵀ in the stream of the device, sums in float.
     *
     * @param weights rows x columns in bf16, row-major; not modified
     * @param x tokens x columns in bf16; not modified
     * @param y tokens x rows floats; modified (overwritten)
     */
    public void multiply(DeviceMemory weights, int rows, int columns, DeviceMemory x, int tokens, DeviceMemory y) {
        try {
            // Column-major to cuBLAS: what is tokens x rows here is rows x tokens there.
            check("cublasGemmEx", (int) gemm.invokeExact(
                    handle,
                    OP_T,
                    OP_N,
                    rows,
                    tokens,
                    columns,
                    one,
                    weights.address(),
                    R_16BF,
                    columns,
                    x.address(),
                    R_16BF,
                    columns,
                    zero,
                    y.address(),
                    R_32F,
                    rows,
                    COMPUTE_32F,
                    GEMM_DEFAULT));
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    private static void check(String function, int status) {
        if (status != SUCCESS) {
            throw new DeviceException(function + " failed with status " + status);
        }
    }

    /** Not to be called twice. */
    @Override
    public void close() {
        try {
            int ignored = (int) destroy.invokeExact(handle);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
        arena.close();
    }
}
