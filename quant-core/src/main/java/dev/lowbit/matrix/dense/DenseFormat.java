package dev.lowbit.matrix.dense;

import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.DType;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Every weight as a float of its own. Identifiers: {@code f16}, {@code bf16}, {@code f32}.
 *
 * @param type F16, BF16 or F32
 */
public record DenseFormat(DType type) implements MatrixFormat {
    static final String WEIGHT = "weight";

    public DenseFormat {
        if (type != DType.F16 && type != DType.BF16 && type != DType.F32) {
            throw new IllegalArgumentException("a dense matrix is F16, BF16 or F32, got " + type);
        }
    }

    @Override
    public String id() {
        return switch (type) {
            case F16 -> "f16";
            case BF16 -> "bf16";
            default -> "f32";
        };
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    public static Optional<DenseFormat> parseIfDense(String id) {
        return switch (id) {
            case "f16" -> Optional.of(new DenseFormat(DType.F16));
            case "bf16" -> Optional.of(new DenseFormat(DType.BF16));
            case "f32" -> Optional.of(new DenseFormat(DType.F32));
            default -> Optional.empty();
        };
    }

    @Override
    public List<PartSpec> layout(int rows, int columns) {
        return List.of(new PartSpec(WEIGHT, type, List.of((long) rows, (long) columns)));
    }

    @Override
    public QuantizedMatrix read(int rows, int columns, Map<String, Part> parts) {
        return new DenseMatrix(rows, columns, this, parts.get(WEIGHT));
    }
}
