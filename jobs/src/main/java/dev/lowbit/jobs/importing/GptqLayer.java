package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.compress.NaturalOrder;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.gptq.GptqLayout;
import dev.lowbit.matrix.gptq.GptqUnpacker;
import dev.lowbit.matrix.gptq.GptqVersion;
import dev.lowbit.matrix.packed.WordFields;
import java.lang.foreign.Arena;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Function;

/**
 * A layer of a GPTQ model whose tensors are there, in the types and shapes that the layout needs.
 *
 * @param source must stay open as long as the layer is used
 * @param name the layer, without {@code .qweight}
 */
record GptqLayer(Checkpoint source, String name, GptqLayout layout, GptqVersion version) {
    private static final String QWEIGHT = "." + GptqLayout.QWEIGHT;

    /**
     * All layers, in natural order of their names.
     *
     * @throws MalformedFileException naming a tensor that is not what the configuration says; when there is no layer
     */
    static List<GptqLayer> of(Checkpoint source, GptqConfig config) {
        Set<String> names = new HashSet<>(source.names());
        List<GptqLayer> layers = source.names().stream()
                .filter(name -> name.endsWith(QWEIGHT) && name.length() > QWEIGHT.length())
                .map(name -> of(source, names, name.substring(0, name.length() - QWEIGHT.length()), config))
                .sorted((a, b) -> NaturalOrder.INSTANCE.compare(a.name, b.name))
                .toList();
        if (layers.isEmpty()) {
            throw new MalformedFileException(
                    source.root(), -1, Reason.NO_WEIGHTS, "holds no tensor <layer>" + QWEIGHT + " of a GPTQ model");
        }
        return layers;
    }

    private static GptqLayer of(Checkpoint source, Set<String> names, String name, GptqConfig config) {
        TensorInfo qweight = source.info(name + QWEIGHT);
        List<Long> shape = qweight.shape();
        if (shape.size() != 2
                || shape.get(0) % config.bits() != 0
                || shape.get(0) / config.bits() * WordFields.UNIT > Integer.MAX_VALUE
                || shape.get(1) > Integer.MAX_VALUE) {
            throw malformed(
                    qweight,
                    "is " + qweight.type() + shape + "; codes of " + config.bits()
                            + " bits are I32[inputs / 32 * bits, outputs]");
        }
        int columns = (int) (shape.get(0) / config.bits() * WordFields.UNIT);
        int rows = shape.get(1).intValue();
        GptqLayout layout;
        try {
            layout = new GptqLayout(rows, columns, config.bits(), config.groupSize());
        } catch (InvalidRequestException e) {
            throw malformed(qweight, "is " + qweight.type() + shape + "; " + e.getMessage());
        }
        for (PartSpec tensor : layout.tensors()) {
            if (!names.contains(name + "." + tensor.name())) {
                throw malformed(qweight, "stands there without " + name + "." + tensor.name());
            }
            requireAs(source.info(name + "." + tensor.name()), tensor, layout);
        }
        if (names.contains(name + ".weight")) {
            throw malformed(qweight, "stands beside " + name + ".weight; a layer is either quantized or not");
        }
        return new GptqLayer(source, name, layout, config.version());
    }

    private static void requireAs(TensorInfo tensor, PartSpec needed, GptqLayout layout) {
        if (tensor.type() != needed.type() || !tensor.shape().equals(needed.shape())) {
            throw malformed(
                    tensor,
                    "is " + tensor.type() + tensor.shape() + "; " + layout.rows() + " x " + layout.columns()
                            + " codes of " + layout.bits() + " bits need " + needed.type() + needed.shape());
        }
    }

    private static MalformedFileException malformed(TensorInfo tensor, String detail) {
        return new MalformedFileException(
                tensor.file(), tensor.offsetBytes(), Reason.DAMAGED, "tensor " + tensor.name() + " " + detail);
    }

    /** The matrix's name in our models. */
    String weight() {
        return name + ".weight";
    }

    /** Whether models of this architecture store the matrix input-major. */
    boolean transposed() {
        return TargetSelection.isInputMajor(weight());
    }

    /** The source's tensors of this layer. */
    List<String> tensors() {
        return layout.tensors().stream().map(part -> name + "." + part.name()).toList();
    }

    /** Whether every zero point is the middle of the codes. */
    boolean isSymmetric() {
        return reading(arena -> unpacker(arena).isSymmetric());
    }

    /**
     * Checks what the codes decide, where there is anything to decide.
     *
     * @throws UnsupportedModelException when our formats do not have the layer
     */
    void requireOurs(Workers workers) {
        boolean decided = reading(arena -> !unpacker(arena).hasZeroBeyondOurs());
        if (!decided) {
            matrix(false, workers);
        }
    }

    /** Our format for the layer. */
    String format(boolean symmetric) {
        return reading(
                arena -> layout.format(symmetric, unpacker(arena).isIndexed()).id());
    }

    /** The matrix, outputs x inputs. */
    AffineMatrix matrix(boolean symmetric, Workers workers) {
        return reading(arena -> unpacker(arena).unpack(source.map(name + QWEIGHT, arena), symmetric, workers));
    }

    private GptqUnpacker unpacker(Arena arena) {
        return new GptqUnpacker(
                name,
                layout,
                version,
                source.map(name + "." + GptqLayout.QZEROS, arena),
                source.map(name + "." + GptqLayout.SCALES, arena),
                source.map(name + "." + GptqLayout.GROUP_INDEX, arena));
    }

    private <T> T reading(Function<Arena, T> read) {
        try (Arena arena = Arena.ofShared()) {
            return read.apply(arena);
        } catch (MalformedPartException e) {
            TensorInfo tensor = source.info(name + "." + e.part());
            throw new MalformedFileException(
                    tensor.file(), tensor.offsetBytes(), Reason.DAMAGED, name + ": " + e.getMessage(), e);
        }
    }
}
