package dev.lowbit.device;

import dev.lowbit.matrix.QuantizedMatrix;

/**
 * A matrix whose parts lie in the memory of a {@link Device}: it has the parts, the format and the size of the one it was placed from, and its products run there.
 * They agree with the CPU's within a tolerance; {@link #dequantize} gives the same bits.
 */
public interface DeviceMatrix extends QuantizedMatrix, AutoCloseable {
    /** Frees its device memory; a second call does nothing, any other call after it is refused with {@link IllegalStateException}. */
    @Override
    void close();
}
