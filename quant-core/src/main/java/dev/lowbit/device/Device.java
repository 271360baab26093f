package dev.lowbit.device;

import dev.lowbit.matrix.QuantizedMatrix;

/** An accelerator in use. Safe for use by several threads; its matrices end with it. */
public interface Device extends AutoCloseable {
    /** One line for people: name, memory, versions. */
    String description();

    /**
     * Copies the parts of a matrix into device memory.
     *
     * @param matrix read during this call; its parts stay the truth of what is returned, so they must outlive it
     * @return the matrix on the device, which the caller closes
     * @throws dev.lowbit.error.DeviceException when the device has no kernel for this format (which it names), too little memory, or is lost
     */
    DeviceMatrix place(QuantizedMatrix matrix);

    /** Frees everything on the device that was made through it; a second call does nothing. */
    @Override
    void close();
}
