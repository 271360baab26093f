package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.compile.KernelLibrary;
import dev.lowbit.device.DeviceMatrix;
import dev.lowbit.error.DeviceException;
import dev.lowbit.matrix.QuantizedMatrix;

/** Which class places which representation. */
public final class Placement {
    private Placement() {}

    /** See {@link dev.lowbit.device.Device#place}. */
    public static DeviceMatrix place(KernelLibrary library, QuantizedMatrix matrix) {
        throw new DeviceException("no CUDA kernel multiplies the format " + matrix.format());
    }
}
