package dev.lowbit.bench;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_nolapack;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The way from Java to one and the same native function: a dot product of four floats of OpenBLAS, by the FFM API, as {@code ffm-bindings} calls the CUDA driver, and by JNI as JavaCPP generates it. What
 * differs is the call.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 4, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(2)
@SuppressWarnings("restricted")
public class DowncallBenchmark {
    private static final int LENGTH = 4;
    private static final MethodHandle DOT = bind();
    private static final MethodHandle DOT_CRITICAL = bind(Linker.Option.critical(false));
    private static final MethodHandle DOT_HEAP = bind(Linker.Option.critical(true));

    private final float[] heap = {1, 2, 3, 4};
    private final MemorySegment onHeap = MemorySegment.ofArray(heap);
    private final MemorySegment offHeap = Arena.ofAuto().allocateFrom(JAVA_FLOAT, heap);
    private final FloatPointer pointer = new FloatPointer(heap);

    private static MethodHandle bind(Linker.Option... options) {
        SymbolLookup library =
                SymbolLookup.libraryLookup(Path.of(Loader.load(openblas_nolapack.class)), Arena.global());
        return Linker.nativeLinker()
                .downcallHandle(
                        library.find("cblas_sdot").orElseThrow(),
                        FunctionDescriptor.of(JAVA_FLOAT, JAVA_INT, ADDRESS, JAVA_INT, ADDRESS, JAVA_INT),
                        options);
    }

    /** All ways give the same. */
    @Setup
    public void check() throws Throwable {
        for (float result :
                new float[] {ffm(), ffmCritical(), ffmCriticalHeap(), ffmArena(), javacpp(), javacppArray()}) {
            Checks.close(result, 30, 0, "dot product");
        }
    }

    /** Off-heap memory that is kept. */
    @Benchmark
    public float ffm() throws Throwable {
        return (float) DOT.invokeExact(LENGTH, offHeap, 1, offHeap, 1);
    }

    /** The same without the thread leaving Java's state, which only short calls may. */
    @Benchmark
    public float ffmCritical() throws Throwable {
        return (float) DOT_CRITICAL.invokeExact(LENGTH, offHeap, 1, offHeap, 1);
    }

    /** An array, not copied. */
    @Benchmark
    public float ffmCriticalHeap() throws Throwable {
        return (float) DOT_HEAP.invokeExact(LENGTH, onHeap, 1, onHeap, 1);
    }

    /** An arena for each call, which {@code ffm-bindings} avoids. */
    @Benchmark
    public float ffmArena() throws Throwable {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment values = arena.allocateFrom(JAVA_FLOAT, heap);
            return (float) DOT.invokeExact(LENGTH, values, 1, values, 1);
        }
    }

    /** JNI with memory that is kept. */
    @Benchmark
    public float javacpp() {
        return openblas.cblas_sdot(LENGTH, pointer, 1, pointer, 1);
    }

    /** JNI with an array, which it copies or pins. */
    @Benchmark
    public float javacppArray() {
        return openblas.cblas_sdot(LENGTH, heap, 1, heap, 1);
    }
}
