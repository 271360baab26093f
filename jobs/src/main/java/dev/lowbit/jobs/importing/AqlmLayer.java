package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.aqlm.AqlmLayout;
import dev.lowbit.matrix.aqlm.AqlmUnpacker;
import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.util.List;

/** A layer of an AQLM model. */
record AqlmLayer(LayerTensors stored, AqlmLayout layout) implements ForeignLayer {
    private static final List<String> PARTS = List.of(AqlmLayout.CODEBOOKS, AqlmLayout.SCALES, AqlmLayout.CODES);

    /**
     * All layers, in natural order of their names.
     *
     * @throws MalformedFileException naming a tensor that is not what the configuration says; when there is no layer
     */
    static List<AqlmLayer> of(Checkpoint source, AqlmConfig config) {
        // a layer that has lost either is not taken for something else
        return LayerTensors.of(source, "AQLM", AqlmLayout.CODES, AqlmLayout.CODEBOOKS).stream()
                .map(stored -> new AqlmLayer(stored, layout(stored, config)))
                .toList();
    }

    private static AqlmLayout layout(LayerTensors stored, AqlmConfig config) {
        stored.requireParts(PARTS);
        if (config.dense().contains(stored.weight())) {
            throw stored.malformed(
                    AqlmLayout.CODES,
                    "stands there although the configuration lists " + stored.weight() + " as not quantized");
        }
        AdditiveFormat format = config.format();
        List<Long> shape = stored.info(AqlmLayout.CODES).shape();
        if (shape.size() != 3
                || shape.contains(0L)
                || shape.get(0) > Integer.MAX_VALUE / format.outGroup()
                || shape.get(1) > Integer.MAX_VALUE / format.inGroup()) {
            throw stored.malformed(
                    AqlmLayout.CODES,
                    stored.found(AqlmLayout.CODES) + "; codes are outputs / " + format.outGroup() + " x inputs / "
                            + format.inGroup() + " x " + format.codebooks());
        }
        int rows = shape.get(0).intValue() * format.outGroup();
        int columns = shape.get(1).intValue() * format.inGroup();
        AqlmLayout layout;
        try {
            layout = new AqlmLayout(rows, columns, format);
        } catch (InvalidRequestException e) {
            throw stored.malformed(AqlmLayout.CODES, stored.found(AqlmLayout.CODES) + "; " + e.getMessage());
        }
        layout.tensors()
                .forEach(tensor -> stored.requireAs(
                        inTypeOf(stored, tensor), format.id() + " of " + rows + " x " + columns + " weights"));
        return layout;
    }

    /** BF16 stands for F16: whether our format has the values, they decide. */
    private static PartSpec inTypeOf(LayerTensors stored, PartSpec tensor) {
        boolean other = tensor.type() == DType.F16 && stored.info(tensor.name()).type() == DType.BF16;
        return other ? new PartSpec(tensor.name(), DType.BF16, tensor.shape()) : tensor;
    }

    @Override
    public List<String> parts() {
        return PARTS;
    }

    @Override
    public int rows() {
        return layout.rows();
    }

    @Override
    public int columns() {
        return layout.columns();
    }

    @Override
    public String format() {
        return layout.exact().id();
    }

    /** A code that fills its type cannot be wrong. */
    @Override
    public void requireOurs(Workers workers) {
        if (layout.format().codeBits() == layout.codeType().bits()) {
            stored.reading(this::unpacker);
        } else {
            matrix(workers);
        }
    }

    @Override
    public QuantizedMatrix matrix(Workers workers) {
        return stored.reading(arena -> unpacker(arena).unpack(stored.part(AqlmLayout.CODES, arena)));
    }

    private AqlmUnpacker unpacker(Arena arena) {
        return new AqlmUnpacker(
                stored.name(), layout, stored.part(AqlmLayout.CODEBOOKS, arena), stored.part(AqlmLayout.SCALES, arena));
    }
}
