package dev.lowbit.cuda.check;

import dev.lowbit.cuda.CudaDevice;

/** One comparison of the device with the scalar reference: run by the tests on a device that is none, and by the check on a GPU. */
public interface ParityCase {
    /** What is compared: operation, format and shape. */
    String name();

    /**
     * Compares.
     *
     * @return the largest error in units of its bound: at most 1 is right. Infinite where bits had to be equal, between the device and the CPU or between two runs, and
     *     are not
     */
    double run(CudaDevice device);
}
