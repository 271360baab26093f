package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * The functions of the CUDA driver API that we call, bound when a library is opened. Handles and device addresses are {@code long}; every function returns the
 * driver's status, which {@link Cuda} turns into an exception. The names are those of the header with their version ({@code cuMemAlloc} there is {@code cuMemAlloc_v2} here).
 *
 * <p>The library stays loaded until the JVM ends: the driver does not support being unloaded.
 */
@SuppressWarnings("restricted")
public final class Driver {
    /** The driver's library as the system's loader knows it. */
    public static final String SYSTEM_LIBRARY =
            System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("windows")
                    ? "nvcuda.dll"
                    : "libcuda.so.1";

    private final String library;
    private final SymbolLookup symbols;
    private final MethodHandle getErrorName;
    private final MethodHandle getErrorString;
    private final MethodHandle driverGetVersion;
    private final MethodHandle deviceGetCount;
    private final MethodHandle deviceGet;
    private final MethodHandle deviceGetName;
    private final MethodHandle deviceTotalMem;
    private final MethodHandle deviceGetAttribute;
    private final MethodHandle primaryCtxRetain;
    private final MethodHandle primaryCtxRelease;
    private final MethodHandle ctxSetCurrent;
    private final MethodHandle memGetInfo;
    private final MethodHandle memAlloc;
    private final MethodHandle memFree;
    private final MethodHandle memHostAlloc;
    private final MethodHandle memFreeHost;
    private final MethodHandle memcpyHtoDAsync;
    private final MethodHandle memcpyDtoHAsync;
    private final MethodHandle memcpyDtoDAsync;
    private final MethodHandle memsetD8Async;
    private final MethodHandle streamCreate;
    private final MethodHandle streamDestroy;
    private final MethodHandle streamSynchronize;
    private final MethodHandle streamBeginCapture;
    private final MethodHandle streamEndCapture;
    private final MethodHandle eventCreate;
    private final MethodHandle eventDestroy;
    private final MethodHandle eventRecord;
    private final MethodHandle eventSynchronize;
    private final MethodHandle eventElapsedTime;
    private final MethodHandle moduleLoadDataEx;
    private final MethodHandle moduleUnload;
    private final MethodHandle moduleGetFunction;
    private final MethodHandle funcGetAttribute;
    private final MethodHandle funcSetAttribute;
    private final MethodHandle occupancy;
    private final MethodHandle launchKernel;
    private final MethodHandle graphInstantiate;
    private final MethodHandle graphLaunch;
    private final MethodHandle graphExecDestroy;
    private final MethodHandle graphDestroy;

    /**
     * Opens the driver and initializes it.
     *
     * @param library name for the system's loader, or the path of a file
     * @return the driver, with at least one device; or why there is none
     */
    public static Finding<Driver> find(String library) {
        SymbolLookup symbols;
        try {
            symbols = SymbolLookup.libraryLookup(library, Arena.global());
        } catch (IllegalArgumentException e) {
            return new Finding.Absent<>(
                    "no NVIDIA driver (" + library + ") on this machine; install one for CUDA 12 or newer");
        } catch (IllegalCallerException e) {
            return new Finding.Absent<>("this JVM may not load the NVIDIA driver (" + library
                    + "); start it with --enable-native-access=ALL-UNNAMED");
        }
        Driver driver;
        try {
            driver = new Driver(library, symbols);
        } catch (MissingFunction e) {
            return new Finding.Absent<>("the NVIDIA driver (" + library + ") is too old: it has no " + e.getMessage()
                    + "; install one for CUDA 12 or newer");
        }
        return driver.initialize();
    }

    private Driver(String library, SymbolLookup symbols) throws MissingFunction {
        this.library = library;
        this.symbols = symbols;
        getErrorName = bind("cuGetErrorName", JAVA_INT, ADDRESS);
        getErrorString = bind("cuGetErrorString", JAVA_INT, ADDRESS);
        driverGetVersion = bind("cuDriverGetVersion", ADDRESS);
        deviceGetCount = bind("cuDeviceGetCount", ADDRESS);
        deviceGet = bind("cuDeviceGet", ADDRESS, JAVA_INT);
        deviceGetName = bind("cuDeviceGetName", ADDRESS, JAVA_INT, JAVA_INT);
        deviceTotalMem = bind("cuDeviceTotalMem_v2", ADDRESS, JAVA_INT);
        deviceGetAttribute = bind("cuDeviceGetAttribute", ADDRESS, JAVA_INT, JAVA_INT);
        primaryCtxRetain = bind("cuDevicePrimaryCtxRetain", ADDRESS, JAVA_INT);
        primaryCtxRelease = bind("cuDevicePrimaryCtxRelease_v2", JAVA_INT);
        ctxSetCurrent = bind("cuCtxSetCurrent", JAVA_LONG);
        memGetInfo = bind("cuMemGetInfo_v2", ADDRESS, ADDRESS);
        memAlloc = bind("cuMemAlloc_v2", ADDRESS, JAVA_LONG);
        memFree = bind("cuMemFree_v2", JAVA_LONG);
        memHostAlloc = bind("cuMemHostAlloc", ADDRESS, JAVA_LONG, JAVA_INT);
        memFreeHost = bind("cuMemFreeHost", JAVA_LONG);
        memcpyHtoDAsync = bind("cuMemcpyHtoDAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        memcpyDtoHAsync = bind("cuMemcpyDtoHAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        memcpyDtoDAsync = bind("cuMemcpyDtoDAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        memsetD8Async = bind("cuMemsetD8Async", JAVA_LONG, JAVA_BYTE, JAVA_LONG, JAVA_LONG);
        streamCreate = bind("cuStreamCreate", ADDRESS, JAVA_INT);
        streamDestroy = bind("cuStreamDestroy_v2", JAVA_LONG);
        streamSynchronize = bind("cuStreamSynchronize", JAVA_LONG);
        streamBeginCapture = bind("cuStreamBeginCapture_v2", JAVA_LONG, JAVA_INT);
        streamEndCapture = bind("cuStreamEndCapture", JAVA_LONG, ADDRESS);
        eventCreate = bind("cuEventCreate", ADDRESS, JAVA_INT);
        eventDestroy = bind("cuEventDestroy_v2", JAVA_LONG);
        eventRecord = bind("cuEventRecord", JAVA_LONG, JAVA_LONG);
        eventSynchronize = bind("cuEventSynchronize", JAVA_LONG);
        eventElapsedTime = bind("cuEventElapsedTime", ADDRESS, JAVA_LONG, JAVA_LONG);
        moduleLoadDataEx = bind("cuModuleLoadDataEx", ADDRESS, ADDRESS, JAVA_INT, ADDRESS, ADDRESS);
        moduleUnload = bind("cuModuleUnload", JAVA_LONG);
        moduleGetFunction = bind("cuModuleGetFunction", ADDRESS, JAVA_LONG, ADDRESS);
        funcGetAttribute = bind("cuFuncGetAttribute", ADDRESS, JAVA_INT, JAVA_LONG);
        funcSetAttribute = bind("cuFuncSetAttribute", JAVA_LONG, JAVA_INT, JAVA_INT);
        occupancy = bind("cuOccupancyMaxActiveBlocksPerMultiprocessor", ADDRESS, JAVA_LONG, JAVA_INT, JAVA_LONG);
        launchKernel = bind(
                "cuLaunchKernel",
                JAVA_LONG,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_INT,
                JAVA_LONG,
                ADDRESS,
                JAVA_LONG);
        graphInstantiate = bind("cuGraphInstantiateWithFlags", ADDRESS, JAVA_LONG, JAVA_LONG);
        graphLaunch = bind("cuGraphLaunch", JAVA_LONG, JAVA_LONG);
        graphExecDestroy = bind("cuGraphExecDestroy", JAVA_LONG);
        graphDestroy = bind("cuGraphDestroy", JAVA_LONG);
    }

    private static final class MissingFunction extends Exception {
        private static final long serialVersionUID = 1L;

        MissingFunction(String function) {
            super(function);
        }
    }

    private MethodHandle bind(String function, MemoryLayout... arguments) throws MissingFunction {
        MemorySegment symbol = symbols.find(function).orElseThrow(() -> new MissingFunction(function));
        return Linker.nativeLinker().downcallHandle(symbol, FunctionDescriptor.of(JAVA_INT, arguments));
    }

    private Finding<Driver> initialize() {
        try {
            MethodHandle init = bind("cuInit", JAVA_INT);
            int status = (int) init.invokeExact(0);
            if (status != Status.SUCCESS) {
                return new Finding.Absent<>("the NVIDIA driver (" + library + ") has no usable device: "
                        + describe(status) + "; see what nvidia-smi says");
            }
        } catch (MissingFunction e) {
            return new Finding.Absent<>(library + " is no NVIDIA driver: it has no " + e.getMessage());
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
        if (devices() == 0) {
            return new Finding.Absent<>("the NVIDIA driver (" + library + ") sees no device; see what nvidia-smi says");
        }
        return new Finding.Found<>(this);
    }

    /** Name for the system's loader, or path, of the library in use. */
    public String library() {
        return library;
    }

    /** Highest CUDA version that the driver supports, for example 13000 for 13.0. */
    public int version() {
        return readInt("cuDriverGetVersion", out -> (int) driverGetVersion.invokeExact(out));
    }

    /** How many devices the driver sees. */
    public int devices() {
        return readInt("cuDeviceGetCount", out -> (int) deviceGetCount.invokeExact(out));
    }

    /** The driver's handle of a device. */
    public int device(int ordinal) {
        return readInt("cuDeviceGet", out -> (int) deviceGet.invokeExact(out, ordinal));
    }

    /** Name of a device. */
    public String deviceName(int device) {
        int length = 256;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(length);
            require("cuDeviceGetName", (int) deviceGetName.invokeExact(name, length, device));
            return name.getString(0);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    /** Bytes of memory that a device has. */
    public long deviceMemory(int device) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment bytes = arena.allocate(JAVA_LONG);
            require("cuDeviceTotalMem", (int) deviceTotalMem.invokeExact(bytes, device));
            return bytes.get(JAVA_LONG, 0);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    /**
     * A number that describes a device.
     *
     * @param attribute one of {@link Constants}
     */
    public int deviceAttribute(int device, int attribute) {
        return readInt("cuDeviceGetAttribute", out -> (int) deviceGetAttribute.invokeExact(out, attribute, device));
    }

    /** Compute capability of a device: 90 for 9.0. */
    public int computeCapability(int device) {
        return 10 * deviceAttribute(device, Constants.DEVICE_COMPUTE_CAPABILITY_MAJOR)
                + deviceAttribute(device, Constants.DEVICE_COMPUTE_CAPABILITY_MINOR);
    }

    /** A status as people can look it up: name and explanation of the driver. */
    String describe(int status) {
        String name = text(getErrorName, status);
        String explanation = text(getErrorString, status);
        return name == null ? "status " + status : name + " (" + explanation + ")";
    }

    private static String text(MethodHandle function, int status) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(ADDRESS);
            int given = (int) function.invokeExact(status, out);
            MemorySegment text = out.get(ADDRESS, 0);
            return given != Status.SUCCESS || text.address() == 0
                    ? null
                    : text.reinterpret(4096).getString(0, StandardCharsets.US_ASCII);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    /** Calls that fill one int, for questions asked once: they take an arena of their own. */
    private interface IntCall {
        int into(MemorySegment out) throws Throwable;
    }

    private int readInt(String function, IntCall call) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(JAVA_INT);
            require(function, call.into(out));
            return out.get(JAVA_INT, 0);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    private void require(String function, int status) {
        if (status != Status.SUCCESS) {
            throw new DeviceException(function + " failed: " + describe(status));
        }
    }

    // From here on: one method a function, in the header's order of arguments. Out parameters are segments that the
    // caller keeps.

    int primaryCtxRetain(MemorySegment context, int device) {
        try {
            return (int) primaryCtxRetain.invokeExact(context, device);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int primaryCtxRelease(int device) {
        try {
            return (int) primaryCtxRelease.invokeExact(device);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int ctxSetCurrent(long context) {
        try {
            return (int) ctxSetCurrent.invokeExact(context);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memGetInfo(MemorySegment free, MemorySegment total) {
        try {
            return (int) memGetInfo.invokeExact(free, total);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memAlloc(MemorySegment address, long bytes) {
        try {
            return (int) memAlloc.invokeExact(address, bytes);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memFree(long address) {
        try {
            return (int) memFree.invokeExact(address);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memHostAlloc(MemorySegment address, long bytes, int flags) {
        try {
            return (int) memHostAlloc.invokeExact(address, bytes, flags);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memFreeHost(long address) {
        try {
            return (int) memFreeHost.invokeExact(address);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memcpyHtoDAsync(long to, long from, long bytes, long stream) {
        try {
            return (int) memcpyHtoDAsync.invokeExact(to, from, bytes, stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memcpyDtoHAsync(long to, long from, long bytes, long stream) {
        try {
            return (int) memcpyDtoHAsync.invokeExact(to, from, bytes, stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memcpyDtoDAsync(long to, long from, long bytes, long stream) {
        try {
            return (int) memcpyDtoDAsync.invokeExact(to, from, bytes, stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int memsetD8Async(long address, byte value, long bytes, long stream) {
        try {
            return (int) memsetD8Async.invokeExact(address, value, bytes, stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int streamCreate(MemorySegment stream, int flags) {
        try {
            return (int) streamCreate.invokeExact(stream, flags);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int streamDestroy(long stream) {
        try {
            return (int) streamDestroy.invokeExact(stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int streamSynchronize(long stream) {
        try {
            return (int) streamSynchronize.invokeExact(stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int streamBeginCapture(long stream, int mode) {
        try {
            return (int) streamBeginCapture.invokeExact(stream, mode);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int streamEndCapture(long stream, MemorySegment graph) {
        try {
            return (int) streamEndCapture.invokeExact(stream, graph);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int eventCreate(MemorySegment event, int flags) {
        try {
            return (int) eventCreate.invokeExact(event, flags);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int eventDestroy(long event) {
        try {
            return (int) eventDestroy.invokeExact(event);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int eventRecord(long event, long stream) {
        try {
            return (int) eventRecord.invokeExact(event, stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int eventSynchronize(long event) {
        try {
            return (int) eventSynchronize.invokeExact(event);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int eventElapsedTime(MemorySegment milliseconds, long start, long end) {
        try {
            return (int) eventElapsedTime.invokeExact(milliseconds, start, end);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int moduleLoadDataEx(
            MemorySegment module, MemorySegment image, int options, MemorySegment keys, MemorySegment values) {
        try {
            return (int) moduleLoadDataEx.invokeExact(module, image, options, keys, values);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int moduleUnload(long module) {
        try {
            return (int) moduleUnload.invokeExact(module);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int moduleGetFunction(MemorySegment function, long module, MemorySegment name) {
        try {
            return (int) moduleGetFunction.invokeExact(function, module, name);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int funcGetAttribute(MemorySegment value, int attribute, long function) {
        try {
            return (int) funcGetAttribute.invokeExact(value, attribute, function);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int funcSetAttribute(long function, int attribute, int value) {
        try {
            return (int) funcSetAttribute.invokeExact(function, attribute, value);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int occupancy(MemorySegment blocks, long function, int blockSize, long sharedBytes) {
        try {
            return (int) occupancy.invokeExact(blocks, function, blockSize, sharedBytes);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int launchKernel(
            long function, int gridX, int gridY, int blockX, int sharedBytes, long stream, MemorySegment arguments) {
        try {
            return (int) launchKernel.invokeExact(
                    function, gridX, gridY, 1, blockX, 1, 1, sharedBytes, stream, arguments, 0L);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int graphInstantiate(MemorySegment executable, long graph, long flags) {
        try {
            return (int) graphInstantiate.invokeExact(executable, graph, flags);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int graphLaunch(long executable, long stream) {
        try {
            return (int) graphLaunch.invokeExact(executable, stream);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int graphExecDestroy(long executable) {
        try {
            return (int) graphExecDestroy.invokeExact(executable);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }

    int graphDestroy(long graph) {
        try {
            return (int) graphDestroy.invokeExact(graph);
        } catch (Throwable e) {
            throw Downcalls.failed(e);
        }
    }
}
