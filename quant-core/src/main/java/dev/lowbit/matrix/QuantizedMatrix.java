package dev.lowbit.matrix;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;

/**
 * A compressed weight matrix Ŵ, {@code rows x columns} = outputs x inputs: an immutable description plus packed bytes. It
 * multiplies without expanding them and states its exact size. Instances are safe for concurrent reading.
 *
 * <p>All products use the reproducible kernels: the same bits for any {@link Workers} and any SIMD width. Only what {@link #prepare} made for {@link Accuracy#FAST}
 * does otherwise, and says so.
 */
public interface QuantizedMatrix {
    /** Outputs. */
    int rows();

    /** Inputs. */
    int columns();

    /** The format identifier as written in the manifest, for example {@code nf3-g64-s8x256-bf16+r8-nf8}. */
    String format();

    /** Rank of the low-rank term, 0 where there is none. */
    default int rank() {
        return 0;
    }

    /** The stored tensors in their fixed order; their bytes are this matrix's whole truth. */
    List<Part> parts();

    /** Stored bytes of all parts. */
    default long bytes() {
        return parts().stream().mapToLong(part -> part.bytes().byteSize()).sum();
    }

    /** Stored bits per weight, everything counted. */
    default double bitsPerWeight() {
        return 8.0 * bytes() / ((double) rows() * columns());
    }

    /** How {@link #multiply} computes. */
    default Accuracy accuracy() {
        return Accuracy.EXACT;
    }

    /**
     * The same matrix in the form in memory that its products like best, made once when a model is loaded.
     *
     * @param workers that make it; it is laid out for products on as many threads, and right on any
     * @return this where there is no better form, or none on this machine: {@link #accuracy} tells
     */
    default QuantizedMatrix prepare(Accuracy accuracy, Workers workers) {
        return this;
    }

    /** Bytes that a product with one vector reads from memory: the stored parts, or the form that {@link #prepare} made beside them. */
    default long readBytes() {
        return bytes();
    }

    /**
     * Writes rows {@code fromRow .. fromRow + out.rows() - 1} of Ŵ.
     *
     * @param out n x columns; modified (overwritten)
     */
    void dequantize(int fromRow, FloatMatrix out, Workers workers);

    /**
     * Y = X Ŵᵀ: by panels of decoded rows, unless a representation multiplies its packed form.
     *
     * @param x tokens x columns; not modified
     * @param y tokens x rows; modified (overwritten); must not share memory with x
     */
    default void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
        DecodedProducts.multiply(this, x, y, workers);
    }

    /**
     * X = Y Ŵ, the product of the backward pass: by panels of decoded rows too.
     *
     * @param y tokens x rows; not modified
     * @param x tokens x columns; modified (overwritten); must not share memory with y
     */
    default void multiplyTransposed(FloatMatrix y, FloatMatrix x, Workers workers) {
        DecodedProducts.multiplyTransposed(this, y, x, workers);
    }

    /**
     * y = Ŵ x on the calling thread.
     *
     * @param x {@code columns} values; not modified
     * @param y {@code rows} values; modified (overwritten)
     */
    default void multiply(float[] x, float[] y) {
        multiply(FloatMatrix.wrap(1, columns(), x), FloatMatrix.wrap(1, rows(), y), Workers.serial());
    }
}
