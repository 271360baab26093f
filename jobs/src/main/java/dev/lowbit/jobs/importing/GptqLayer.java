package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.gptq.GptqLayout;
import dev.lowbit.matrix.gptq.GptqUnpacker;
import dev.lowbit.matrix.gptq.GptqVersion;
import dev.lowbit.matrix.packed.WordFields;
import java.lang.foreign.Arena;
import java.util.List;

/**
 * A layer of a GPTQ model.
 *
 * @param symmetric whether every zero point of the whole model is the middle of the codes, so that none is stored
 */
record GptqLayer(LayerTensors stored, GptqLayout layout, GptqVersion version, boolean symmetric)
        implements ForeignLayer {
    /**
     * All layers, in natural order of their names.
     *
     * @throws MalformedFileException naming a tensor that is not what the configuration says; when there is no layer
     */
    static List<GptqLayer> of(Checkpoint source, GptqConfig config) {
        List<GptqLayer> layers = LayerTensors.of(source, "GPTQ", GptqLayout.QWEIGHT).stream()
                .map(stored -> new GptqLayer(stored, layout(stored, config), config.version(), false))
                .toList();
        boolean symmetric = layers.stream().allMatch(GptqLayer::hasMiddleZeros);
        return layers.stream()
                .map(layer -> new GptqLayer(layer.stored, layer.layout, layer.version, symmetric))
                .toList();
    }

    private static GptqLayout layout(LayerTensors stored, GptqConfig config) {
        List<Long> shape = stored.info(GptqLayout.QWEIGHT).shape();
        if (shape.size() != 2
                || shape.get(0) % config.bits() != 0
                || shape.get(0) / config.bits() * WordFields.UNIT > Integer.MAX_VALUE
                || shape.get(1) > Integer.MAX_VALUE) {
            throw stored.malformed(
                    GptqLayout.QWEIGHT,
                    stored.found(GptqLayout.QWEIGHT) + "; codes of " + config.bits()
                            + " bits are I32[inputs / 32 * bits, outputs]");
        }
        int columns = (int) (shape.get(0) / config.bits() * WordFields.UNIT);
        int rows = shape.get(1).intValue();
        GptqLayout layout;
        try {
            layout = new GptqLayout(rows, columns, config.bits(), config.groupSize());
        } catch (InvalidRequestException e) {
            throw stored.malformed(GptqLayout.QWEIGHT, stored.found(GptqLayout.QWEIGHT) + "; " + e.getMessage());
        }
        stored.requireParts(names(layout));
        layout.tensors()
                .forEach(tensor ->
                        stored.requireAs(tensor, rows + " x " + columns + " codes of " + layout.bits() + " bits"));
        return layout;
    }

    private static List<String> names(GptqLayout layout) {
        return layout.tensors().stream().map(PartSpec::name).toList();
    }

    @Override
    public List<String> parts() {
        return names(layout);
    }

    @Override
    public int rows() {
        return layout.rows();
    }

    @Override
    public int columns() {
        return layout.columns();
    }

    private boolean hasMiddleZeros() {
        return stored.reading(arena -> unpacker(arena).isSymmetric());
    }

    /** Checks what the codes decide, where there is anything to decide. */
    @Override
    public void requireOurs(Workers workers) {
        boolean decided = stored.reading(arena -> !unpacker(arena).hasZeroBeyondOurs());
        if (!decided) {
            matrix(workers);
        }
    }

    @Override
    public String format() {
        return stored.reading(
                arena -> layout.format(symmetric, unpacker(arena).isIndexed()).id());
    }

    @Override
    public AffineMatrix matrix(Workers workers) {
        return stored.reading(
                arena -> unpacker(arena).unpack(stored.map(GptqLayout.QWEIGHT, arena), symmetric, workers));
    }

    private GptqUnpacker unpacker(Arena arena) {
        return new GptqUnpacker(
                stored.name(),
                layout,
                version,
                stored.map(GptqLayout.QZEROS, arena),
                stored.map(GptqLayout.SCALES, arena),
                stored.map(GptqLayout.GROUP_INDEX, arena));
    }
}
