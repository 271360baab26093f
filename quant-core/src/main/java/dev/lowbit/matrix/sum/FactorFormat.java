package dev.lowbit.matrix.sum;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseFormat;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;

/** How the low-rank factors are stored. */
public enum FactorFormat {
    /** 8-bit NormalFloat with double-quantized scales, 8.127 bits per factor weight: the paper's adapters after training. */
    NF8("nf8", BlockFormat.parse("nf8-g64-s8x256-fp32-flat")),
    /** Brain floats. */
    BF16("bf16", new DenseFormat(DType.BF16)),
    /** Half floats. */
    F16("f16", new DenseFormat(DType.F16)),
    /** As computed: nothing is lost, so the alternation is exactly the paper's. */
    F32("f32", new DenseFormat(DType.F32));

    private final String id;
    private final MatrixFormat stored;

    FactorFormat(String id, MatrixFormat stored) {
        this.id = id;
        this.stored = stored;
    }

    /** How a format identifier ends, for example {@code nf8} in {@code nf3-g64-s8x256-bf16+r8-nf8}. */
    public String id() {
        return id;
    }

    /** The format of each factor. */
    public MatrixFormat stored() {
        return stored;
    }

    /** Whether {@link #of} has an answer. */
    public static boolean knows(MatrixFormat stored) {
        return Arrays.stream(values()).anyMatch(format -> format.stored.equals(stored));
    }

    /** The factor format whose stored form is {@code stored}. */
    public static FactorFormat of(MatrixFormat stored) {
        for (FactorFormat format : values()) {
            if (format.stored.equals(stored)) {
                return format;
            }
        }
        throw InvalidRequestException.usage(
                "no method has factors in the format " + stored.id() + "; they know nf8, bf16, f16 and f32");
    }

    /** Exact stored bytes of both factors. */
    public long bytes(int rank, int rows, int columns) {
        return stored.bytes(rank, rows) + stored.bytes(rank, columns);
    }

    /**
     * Stores one factor.
     *
     * @param factor r x n, one singular vector per row; not modified
     */
    public QuantizedMatrix encode(FloatMatrix factor, Workers workers) {
        return switch (stored) {
            case BlockFormat blocks -> BlockQuantizer.quantize(factor, blocks, workers);
            case DenseFormat dense -> DenseMatrix.of(factor, dense.type());
            default -> throw new AssertionError(stored.id() + " is neither blocks nor dense");
        };
    }
}
