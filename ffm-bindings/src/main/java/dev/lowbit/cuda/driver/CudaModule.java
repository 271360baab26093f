package dev.lowbit.cuda.driver;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;

/** Compiled kernels on a device. */
public final class CudaModule extends DeviceResource {
    private final long handle;

    CudaModule(Cuda cuda, long handle) {
        super(cuda, "this module");
        this.handle = handle;
    }

    /**
     * One of its kernels, which ends with the module.
     *
     * @param name as declared {@code extern "C" __global__}
     * @throws dev.lowbit.error.DeviceException when there is none of that name
     */
    public Kernel kernel(String name) {
        cuda.lock().lock();
        try (Arena call = Arena.ofConfined()) {
            use();
            cuda.check(
                    cuda.driver().moduleGetFunction(cuda.scratch(), handle, call.allocateFrom(name)),
                    "looking for the kernel " + name);
            return new Kernel(this, name, cuda.scratch().get(JAVA_LONG, 0));
        } finally {
            cuda.lock().unlock();
        }
    }

    @Override
    void free(Driver driver) {
        driver.moduleUnload(handle);
    }
}
