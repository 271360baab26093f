package dev.lowbit.cuda;

import dev.lowbit.cuda.compile.ImageSource;
import dev.lowbit.cuda.compile.KernelLibrary;
import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.Driver;
import dev.lowbit.device.Finding;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * A CUDA device without a GPU: the driver is {@code fake_driver.cpp}, the kernels are the real sources compiled for the CPU with {@code shim.h}. The test is skipped, in words, where there is no
 * g++.
 *
 * <pre>{@code
 * try (FakeCuda fake = FakeCuda.open()) {
 *     Kernel kernel = fake.library().kernel("block.cu", "block_multiply");
 *     ...
 * }
 * }</pre>
 *
 * Closing checks that no kernel wrote behind its memory and that nothing is left on the device.
 */
public final class FakeCuda implements AutoCloseable {
    @SuppressWarnings("restricted")
    private static final class Library {
        static final Path FILE = NativeBuild.library("fake_driver.cpp", "libcuda");
        static final SymbolLookup SYMBOLS = SymbolLookup.libraryLookup(FILE, Arena.global());
    }

    private final Cuda cuda;
    private final KernelLibrary library;

    private FakeCuda(Cuda cuda) {
        this.cuda = cuda;
        this.library = new KernelLibrary(cuda, images());
    }

    /** The device, fresh: all faults of earlier tests forgotten. */
    public static FakeCuda open() {
        return new FakeCuda(Cuda.open(driver(), 0));
    }

    /** The fake driver. */
    public static Driver driver() {
        reset();
        return switch (Driver.find(libraryFile().toString())) {
            case Finding.Found<Driver> found -> found.value();
            case Finding.Absent<Driver> absent -> throw new AssertionError(absent.reason());
        };
    }

    /** The fake driver's library, for who opens it himself. */
    public static Path libraryFile() {
        NativeBuild.assumeCompiler();
        return Library.FILE;
    }

    /** Kernels of {@code src/main/cuda} or {@code src/test/cuda}, compiled for the CPU. */
    public static ImageSource images() {
        return file -> map(NativeBuild.kernels(file));
    }

    private static MemorySegment map(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            return channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), Arena.ofAuto());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    public Cuda cuda() {
        return cuda;
    }

    public KernelLibrary library() {
        return library;
    }

    /** Bytes of device memory in use. */
    public static long liveBytes() {
        return ask("fake_live_bytes");
    }

    /** Streams, events, modules and graphs that exist. */
    public static long liveObjects() {
        return ask("fake_live_objects");
    }

    /** Blocks of page-locked memory that exist. */
    public static long pinnedBlocks() {
        return ask("fake_pinned_blocks");
    }

    /** Retained contexts. */
    public static long contexts() {
        return ask("fake_contexts");
    }

    /** Blocks of device memory behind which something was written, as seen when they were freed. */
    public static long overruns() {
        return ask("fake_overruns");
    }

    /** Kernels run so far. */
    public static long launches() {
        return ask("fake_launches");
    }

    /** From now on the device has this many bytes. */
    public static void setMemory(long bytes) {
        call("fake_set_memory", FunctionDescriptor.ofVoid(ValueLayout.JAVA_LONG), bytes);
    }

    /** How many devices the driver has. */
    public static void setDevices(int count) {
        call("fake_set_devices", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT), count);
    }

    /** What cuInit returns. */
    public static void setInitStatus(int status) {
        call("fake_set_init_status", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT), status);
    }

    /** The next call that needs the device returns this status; 700, 719 and 999 also for ever after. */
    public static void failNext(int status) {
        call("fake_fail_next", FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT), status);
    }

    /** Forgets limits and faults. */
    public static void reset() {
        libraryFile();
        call("fake_reset", FunctionDescriptor.ofVoid());
    }

    private static long ask(String function) {
        return (long) call(function, FunctionDescriptor.of(ValueLayout.JAVA_LONG));
    }

    @SuppressWarnings("restricted")
    private static Object call(String function, FunctionDescriptor type, Object... arguments) {
        try {
            return Linker.nativeLinker()
                    .downcallHandle(Library.SYMBOLS.find(function).orElseThrow(), type)
                    .invokeWithArguments(arguments);
        } catch (Throwable e) {
            throw new AssertionError(function, e);
        }
    }

    @Override
    public void close() {
        cuda.close();
        if (overruns() != 0) {
            throw new AssertionError("a kernel wrote behind " + overruns() + " block(s) of its memory");
        }
        if (liveBytes() != 0 || liveObjects() != 0 || pinnedBlocks() != 0 || contexts() != 0) {
            throw new AssertionError("left on the fake device: " + liveBytes() + " bytes, " + liveObjects()
                    + " objects, " + pinnedBlocks() + " page-locked blocks, " + contexts() + " contexts");
        }
    }
}
