package dev.lowbit.cuda.compile;

import java.lang.foreign.MemorySegment;

/** Where compiled kernels for one device come from. */
@FunctionalInterface
public interface ImageSource {
    /**
     * The compiled form of one file of kernels.
     *
     * @param kernelFile its name in {@code dev/lowbit/cuda/source}, for example {@code block.cu}
     * @return what {@link dev.lowbit.cuda.driver.Cuda#load} takes
     * @throws dev.lowbit.error.DeviceException when there is no way to get one here; the message says how
     */
    MemorySegment image(String kernelFile);
}
