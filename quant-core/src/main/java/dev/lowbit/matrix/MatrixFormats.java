package dev.lowbit.matrix;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.dense.DenseFormat;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sum.SumFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;

/** The registry of representations: one line each. */
public final class MatrixFormats {
    /** Each answers empty for an identifier that is not its own. Sums come first, because theirs contain the others'. */
    private static final List<Function<String, Optional<? extends MatrixFormat>>> PARSERS = List.of(
            SumFormat::parseIfSum,
            BlockFormat::parseIfBlock,
            AffineFormat::parseIfAffine,
            AdditiveFormat::parseIfAdditive,
            SketchFormat::parseIfSketch,
            DenseFormat::parseIfDense);

    private MatrixFormats() {}

    /** The format of an identifier such as {@code nf3-g64-s8x256-bf16+r8-nf8}. */
    public static MatrixFormat parse(String id) {
        for (Function<String, Optional<? extends MatrixFormat>> parser : PARSERS) {
            Optional<? extends MatrixFormat> format = parser.apply(id);
            if (format.isPresent()) {
                return format.get();
            }
        }
        throw InvalidRequestException.usage(
                "unknown matrix format '" + id
                        + "'; known are for example nf3-g64-s8x256-bf16, nf4-g64-f16, affine2-g32-f16+r8-nf8, aq2x8-g8-row-f16, sketch4-r1-f16 and bf16");
    }

    /** Names, types and shapes of all parts of a rows x columns matrix, in their fixed order. */
    public static List<PartSpec> layout(String format, int rows, int columns) {
        return parse(format).layout(rows, columns);
    }

    /** Exact stored bytes of a rows x columns matrix. */
    public static long bytes(String format, int rows, int columns) {
        return parse(format).bytes(rows, columns);
    }

    /**
     * Opens a stored matrix after comparing every part with what the format needs.
     *
     * @param parts by name, exactly those of the format; their bytes are used, not copied
     * @throws MalformedPartException naming the part that is missing, foreign, of the wrong size or holds impossible values
     */
    public static QuantizedMatrix read(String format, int rows, int columns, Map<String, Part> parts) {
        MatrixFormat parsed = parse(format);
        List<PartSpec> layout = parsed.layout(rows, columns);
        for (PartSpec spec : layout) {
            Part part = parts.get(spec.name());
            if (part == null) {
                throw new MalformedPartException(spec.name(), "is missing; " + format + " needs it");
            }
            if (part.type() != spec.type() || !part.shape().equals(spec.shape())) {
                throw new MalformedPartException(
                        spec.name(),
                        "is " + part.type() + part.shape() + "; " + format + " of " + rows + " x " + columns + " needs "
                                + spec.type() + spec.shape());
            }
        }
        for (String name : parts.keySet()) {
            if (layout.stream().noneMatch(spec -> spec.name().equals(name))) {
                throw new MalformedPartException(name, "does not belong to " + format);
            }
        }
        return parsed.read(rows, columns, parts);
    }
}
