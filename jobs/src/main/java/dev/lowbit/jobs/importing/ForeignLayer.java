package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import java.util.List;

/** A quantized layer of another program whose tensors are there, in the types and shapes that its layout needs. */
interface ForeignLayer {
    /** Where its tensors are. */
    LayerTensors stored();

    /** Names of its tensors without the layer's. */
    List<String> parts();

    /** Outputs. */
    int rows();

    /** Inputs. */
    int columns();

    /** Our format for the layer. */
    String format();

    /**
     * Checks all values that {@link #matrix} could refuse, so that nothing is written before.
     *
     * @throws MalformedFileException when a value is impossible
     * @throws UnsupportedModelException when our formats do not have the layer
     */
    void requireOurs(Workers workers);

    /** The matrix, outputs x inputs. */
    QuantizedMatrix matrix(Workers workers);
}
