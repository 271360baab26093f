package dev.lowbit.cuda.compile;

import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.CudaModule;
import dev.lowbit.cuda.driver.Kernel;
import java.util.HashMap;
import java.util.Map;

/** All kernels of one device, each file compiled and loaded when one of its kernels is first asked for. They end with the device. */
public final class KernelLibrary {
    private final Cuda cuda;
    private final ImageSource images;
    private final Map<String, CudaModule> modules = new HashMap<>();
    private final Map<String, Kernel> kernels = new HashMap<>();

    public KernelLibrary(Cuda cuda, ImageSource images) {
        this.cuda = cuda;
        this.images = images;
    }

    public Cuda cuda() {
        return cuda;
    }

    /**
     * A kernel.
     *
     * @param file for example {@code block.cu}
     * @param name for example {@code block_multiply}
     * @throws dev.lowbit.error.DeviceException when the file cannot be compiled or loaded here, or has no such kernel
     */
    public Kernel kernel(String file, String name) {
        cuda.lock().lock();
        try {
            return kernels.computeIfAbsent(
                    file + "/" + name,
                    key -> modules.computeIfAbsent(file, f -> cuda.load(images.image(f)))
                            .kernel(name));
        } finally {
            cuda.lock().unlock();
        }
    }
}
