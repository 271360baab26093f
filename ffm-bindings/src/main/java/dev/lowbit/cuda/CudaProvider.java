package dev.lowbit.cuda;

import dev.lowbit.cuda.compile.CubinCache;
import dev.lowbit.cuda.compile.KernelCompiler;
import dev.lowbit.cuda.compile.Nvrtc;
import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.Driver;
import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import java.util.Locale;

/** The first NVIDIA GPU of this machine, through its driver; found by {@link java.util.ServiceLoader}. */
public final class CudaProvider implements DeviceProvider {
    private static final int ORDINAL = 0;
    private static final int OLDEST_CAPABILITY = 80;

    private final String library;

    /** Of the system's driver. */
    public CudaProvider() {
        this(Driver.SYSTEM_LIBRARY);
    }

    /** @param library name for the system's loader, or path, of the driver */
    CudaProvider(String library) {
        this.library = library;
    }

    /** All that a device takes to be used. */
    private record Usable(Driver driver, KernelCompiler compiler, String description) {}

    @Override
    public String name() {
        return "cuda";
    }

    @Override
    public Finding<String> find() {
        return switch (look()) {
            case Finding.Found<Usable> found ->
                new Finding.Found<>(found.value().description());
            case Finding.Absent<Usable> absent -> new Finding.Absent<>(absent.reason());
        };
    }

    @Override
    public CudaDevice open() {
        return switch (look()) {
            case Finding.Found<Usable>(Usable usable) ->
                new CudaDevice(Cuda.open(usable.driver(), ORDINAL), usable.compiler(), usable.description());
            case Finding.Absent<Usable> absent -> throw new DeviceException(absent.reason());
        };
    }

    private Finding<Usable> look() {
        return switch (Driver.find(library)) {
            case Finding.Found<Driver> found -> look(found.value());
            case Finding.Absent<Driver> absent -> new Finding.Absent<>(absent.reason() + kernelsWithoutDevice());
        };
    }

    /** So that who gets a device is not told of the next thing only then. */
    private static String kernelsWithoutDevice() {
        return switch (compiler(OLDEST_CAPABILITY).find()) {
            case Finding.Found<String> found -> " (kernels are here: " + found.value() + ")";
            case Finding.Absent<String> absent -> "; and kernels are missing: " + absent.reason();
        };
    }

    private static KernelCompiler compiler(int capability) {
        return new KernelCompiler(Nvrtc.find(), CubinCache.ofUser(), capability);
    }

    private static Finding<Usable> look(Driver driver) {
        int device = driver.device(ORDINAL);
        int capability = driver.computeCapability(device);
        String hardware = String.format(
                Locale.ROOT,
                "%s (compute capability %d.%d, %.1f GB, driver for CUDA %d.%d)",
                driver.deviceName(device),
                capability / 10,
                capability % 10,
                driver.deviceMemory(device) / 1e9,
                driver.version() / 1000,
                driver.version() % 1000 / 10);
        KernelCompiler compiler = compiler(capability);
        return switch (compiler.find()) {
            case Finding.Found<String> found ->
                new Finding.Found<>(new Usable(driver, compiler, hardware + ", kernels from " + found.value()));
            case Finding.Absent<String> absent ->
                new Finding.Absent<>(hardware + " has no kernels to run: " + absent.reason());
        };
    }
}
