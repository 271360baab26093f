package dev.lowbit.cuda;

import dev.lowbit.cuda.compile.ImageSource;
import dev.lowbit.cuda.compile.KernelLibrary;
import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.kernels.PlacedMatrix;
import dev.lowbit.cuda.kernels.Placement;
import dev.lowbit.device.Device;
import dev.lowbit.matrix.QuantizedMatrix;

/** A GPU in use. */
public final class CudaDevice implements Device {
    private final Cuda cuda;
    private final KernelLibrary library;
    private final Placement placement;
    private final String description;

    /**
     * @param cuda closed with this
     * @param description one line for people
     */
    public CudaDevice(Cuda cuda, ImageSource images, String description) {
        this.cuda = cuda;
        this.library = new KernelLibrary(cuda, images);
        this.placement = new Placement(library);
        this.description = description;
    }

    @Override
    public String description() {
        return description;
    }

    /** Its kernels, for programs that launch them one by one. */
    public KernelLibrary library() {
        return library;
    }

    @Override
    public PlacedMatrix place(QuantizedMatrix matrix) {
        return placement.place(matrix);
    }

    @Override
    public void close() {
        cuda.close();
    }
}
