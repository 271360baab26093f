package dev.lowbit.cuda.compile;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lowbit.cuda.driver.Downcalls;
import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;

/** NVIDIA's run-time compiler, which turns CUDA C++ into code for a device. It needs neither a driver nor a device. Stays loaded until the JVM ends. */
@SuppressWarnings("restricted")
public final class Nvrtc {
    static final int SUCCESS = 0;

    private static final int MOST_LOG_LINES = 3;

    private final String place;
    private final SymbolLookup symbols;
    private final MethodHandle version;
    private final MethodHandle errorString;
    private final MethodHandle archCount;
    private final MethodHandle archs;
    private final MethodHandle create;
    private final MethodHandle compile;
    private final MethodHandle destroy;
    private final Output log;
    private final Output cubin;
    private final Output ptx;

    /** A pair of functions: the size of something that a program has, and its bytes. */
    private record Output(MethodHandle size, MethodHandle bytes) {}

    private static final class MissingFunction extends Exception {
        private static final long serialVersionUID = 1L;

        MissingFunction(String function) {
            super(function);
        }
    }

    /** The first that this machine has, see {@link NvrtcPlaces}. Loads it. */
    public static Finding<Nvrtc> find() {
        for (NvrtcPlaces.Place place : NvrtcPlaces.all()) {
            Optional<Nvrtc> opened = open(place);
            if (opened.isPresent()) {
                return new Finding.Found<>(opened.get());
            }
        }
        return new Finding.Absent<>(
                "no NVRTC (libnvrtc.so.12 or .13) in the system, CUDA_HOME or /usr/local/cuda; install the CUDA"
                        + " toolkit's, or put org.bytedeco:cuda-redist and javacpp on the class path");
    }

    private static Optional<Nvrtc> open(NvrtcPlaces.Place place) {
        try {
            // The compiler asks the loader for its built-in functions by name; it finds them when they are loaded
            // already.
            place.builtins().forEach(file -> SymbolLookup.libraryLookup(file, Arena.global()));
            SymbolLookup symbols = place.library().isAbsolute()
                    ? SymbolLookup.libraryLookup(place.library(), Arena.global())
                    : SymbolLookup.libraryLookup(place.library().toString(), Arena.global());
            return Optional.of(new Nvrtc(place.library().toString(), symbols));
        } catch (IllegalArgumentException | IllegalCallerException | MissingFunction e) {
            return Optional.empty();
        }
    }

    private Nvrtc(String place, SymbolLookup symbols) throws MissingFunction {
        this.place = place;
        this.symbols = symbols;
        version = bind("nvrtcVersion", ADDRESS, ADDRESS);
        errorString = downcall("nvrtcGetErrorString", FunctionDescriptor.of(ADDRESS, JAVA_INT));
        archCount = bind("nvrtcGetNumSupportedArchs", ADDRESS);
        archs = bind("nvrtcGetSupportedArchs", ADDRESS);
        create = bind("nvrtcCreateProgram", ADDRESS, ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
        compile = bind("nvrtcCompileProgram", JAVA_LONG, JAVA_INT, ADDRESS);
        destroy = bind("nvrtcDestroyProgram", ADDRESS);
        log = new Output(
                bind("nvrtcGetProgramLogSize", JAVA_LONG, ADDRESS), bind("nvrtcGetProgramLog", JAVA_LONG, ADDRESS));
        cubin = new Output(bind("nvrtcGetCUBINSize", JAVA_LONG, ADDRESS), bind("nvrtcGetCUBIN", JAVA_LONG, ADDRESS));
        ptx = new Output(bind("nvrtcGetPTXSize", JAVA_LONG, ADDRESS), bind("nvrtcGetPTX", JAVA_LONG, ADDRESS));
    }

    private MethodHandle bind(String function, MemoryLayout... arguments) throws MissingFunction {
        return downcall(function, FunctionDescriptor.of(JAVA_INT, arguments));
    }

    private MethodHandle downcall(String function, FunctionDescriptor type) throws MissingFunction {
        MemorySegment symbol = symbols.find(function).orElseThrow(() -> new MissingFunction(function));
        return Linker.nativeLinker().downcallHandle(symbol, type);
    }

    /** Name for the system's loader, or path, of the library in use. */
    public String place() {
        return place;
    }

    /** Major and minor version, for example 12.9. */
    public String version() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment numbers = arena.allocate(JAVA_INT, 2);
            require("nvrtcVersion", (int) version.invokeExact(numbers, numbers.asSlice(JAVA_INT.byteSize())));
            return numbers.getAtIndex(JAVA_INT, 0) + "." + numbers.getAtIndex(JAVA_INT, 1);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    /** The compute capabilities that it compiles for (90 for 9.0), ascending. */
    public List<Integer> capabilities() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            require("nvrtcGetNumSupportedArchs", (int) archCount.invokeExact(count));
            MemorySegment all = arena.allocate(JAVA_INT, count.get(JAVA_INT, 0));
            require("nvrtcGetSupportedArchs", (int) archs.invokeExact(all));
            return java.util.Arrays.stream(all.toArray(JAVA_INT))
                    .sorted()
                    .boxed()
                    .toList();
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    /**
     * Compiles one file of kernels.
     *
     * @param target its {@link Target#binary} decides whether a cubin or PTX comes back
     * @return the image with one zero byte behind it
     * @throws DeviceException when the source does not compile; the beginning of the log is in the message
     */
    public byte[] compile(KernelSource source, Target target) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment program = arena.allocate(JAVA_LONG);
            List<String> names = List.copyOf(source.headers().keySet());
            MemorySegment texts =
                    strings(arena, names.stream().map(source.headers()::get).toList());
            require("nvrtcCreateProgram", (int) create.invokeExact(
                    program,
                    arena.allocateFrom(source.text()),
                    arena.allocateFrom(source.name()),
                    names.size(),
                    texts,
                    strings(arena, names)));
            try {
                long handle = program.get(JAVA_LONG, 0);
                List<String> options = target.options();
                int status = (int) compile.invokeExact(handle, options.size(), strings(arena, options));
                if (status != SUCCESS) {
                    throw new DeviceException("NVRTC " + version() + " does not compile " + source.name() + " for "
                            + target + ": " + describe(status) + beginning(read(arena, log, handle)));
                }
                return read(arena, target.binary() ? cubin : ptx, handle).toArray(ValueLayout.JAVA_BYTE);
            } finally {
                int ignored = (int) destroy.invokeExact(program);
            }
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    private static MemorySegment strings(Arena arena, List<String> strings) {
        MemorySegment pointers = arena.allocate(ADDRESS, Math.max(1, strings.size()));
        for (int i = 0; i < strings.size(); i++) {
            pointers.setAtIndex(ADDRESS, i, arena.allocateFrom(strings.get(i)));
        }
        return pointers;
    }

    /** With a zero byte behind it, which PTX and the log have of their own. */
    private MemorySegment read(Arena arena, Output output, long program) throws Throwable {
        MemorySegment size = arena.allocate(JAVA_LONG);
        require("asking for a size", (int) output.size.invokeExact(program, size));
        MemorySegment bytes = arena.allocate(size.get(JAVA_LONG, 0) + 1);
        require("asking for the result", (int) output.bytes.invokeExact(program, bytes));
        return bytes;
    }

    private static String beginning(MemorySegment log) {
        List<String> lines =
                log.getString(0).lines().filter(line -> !line.isBlank()).toList();
        return lines.isEmpty()
                ? ""
                : " (" + String.join("; ", lines.subList(0, Math.min(MOST_LOG_LINES, lines.size()))) + ")";
    }

    private void require(String function, int status) throws Throwable {
        if (status != SUCCESS) {
            throw new DeviceException(function + " failed: " + describe(status));
        }
    }

    private String describe(int status) throws Throwable {
        MemorySegment text = (MemorySegment) errorString.invokeExact(status);
        return text.address() == 0 ? "status " + status : text.reinterpret(4096).getString(0);
    }
}
