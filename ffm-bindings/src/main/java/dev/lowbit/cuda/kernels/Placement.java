package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.compile.KernelLibrary;
import dev.lowbit.error.DeviceException;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sum.SumMatrix;

/** Which class places which representation on one device, and the scratch memory that they share there. */
public final class Placement {
    private final KernelLibrary library;
    private final Workspace workspace;

    public Placement(KernelLibrary library) {
        this.library = library;
        this.workspace = new Workspace(library.cuda());
    }

    /** See {@link dev.lowbit.device.Device#place}. */
    public PlacedMatrix place(QuantizedMatrix matrix) {
        Owned memory = new Owned(library.cuda());
        try {
            return placeIn(matrix, memory);
        } catch (RuntimeException | Error e) {
            memory.close();
            throw e;
        }
    }

    /** The same in memory that somebody owns, and closes when this fails. */
    PlacedMatrix placeIn(QuantizedMatrix matrix, Owned memory) {
        library.cuda().lock().lock();
        try {
            return switch (matrix) {
                case BlockMatrix blocks -> new BlockOnDevice(this, blocks, memory);
                case AffineMatrix affine -> new AffineOnDevice(this, affine, memory);
                case AdditiveMatrix additive -> new AdditiveOnDevice(this, additive, memory);
                case SketchMatrix sketch -> new SketchOnDevice(this, sketch, memory);
                case DenseMatrix dense -> new DenseOnDevice(this, dense, memory);
                case FloatWeights floats -> new DenseOnDevice(this, floats, memory);
                case SumMatrix sum -> new SumOnDevice(this, sum, memory);
                default ->
                    throw new DeviceException("no CUDA kernel multiplies the format " + matrix.format() + " as "
                            + matrix.getClass().getSimpleName() + "; use --device cpu");
            };
        } finally {
            library.cuda().lock().unlock();
        }
    }

    KernelLibrary library() {
        return library;
    }

    Workspace workspace() {
        return workspace;
    }
}
