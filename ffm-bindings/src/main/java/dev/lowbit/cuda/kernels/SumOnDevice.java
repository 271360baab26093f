package dev.lowbit.cuda.kernels;

import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.cuda.driver.Stream;
import dev.lowbit.matrix.sum.SumMatrix;

/**
 * Ŵ = Q + LᵀR: Y = X Qᵀ + (X Rᵀ) L in two launches, one for X Rᵀ and one for Q that adds the rest as it writes Y. R is there as it is stored, and L, which that second
 * launch reads, as floats.
 */
final class SumOnDevice extends PlacedMatrix {
    private final PlacedMatrix base;
    private final PlacedMatrix left;
    private final PlacedMatrix right;
    private final long leftFloats;
    private final Owned memory;
    /** Decoded when rows are first dequantized. */
    private DeviceMemory rightFloats;

    SumOnDevice(Placement placement, SumMatrix matrix, Owned memory) {
        super(placement, matrix, memory);
        this.memory = memory;
        this.base = placement.placeIn(matrix.base(), memory);
        this.left = placement.placeIn(matrix.left(), memory);
        this.right = placement.placeIn(matrix.right(), memory);
        this.leftFloats = decoded(left).address();
    }

    private DeviceMemory decoded(PlacedMatrix factor) {
        DeviceMemory floats = memory.allocate((long) factor.rows() * factor.columns() * Float.BYTES);
        factor.decode(0, factor.rows(), floats.address(), cuda().stream());
        return floats;
    }

    @Override
    void product(long x, int tokens, long y, LowRankTerm term, Stream stream) {
        if (term != LowRankTerm.NONE) {
            throw new IllegalStateException("sums do not nest");
        }
        long inner = workspace().floats(Workspace.Use.INNER, (long) tokens * rank());
        right.product(x, tokens, inner, LowRankTerm.NONE, stream);
        base.product(x, tokens, y, new LowRankTerm(leftFloats, inner, rank()), stream);
    }

    @Override
    void transposed(long y, int tokens, long x, boolean add, Stream stream) {
        base.transposed(y, tokens, x, add, stream);
        for (int from = 0; from < tokens; from += MOST_TOKENS) {
            int count = Math.min(MOST_TOKENS, tokens - from);
            long inner = workspace().floats(Workspace.Use.INNER, (long) count * rank());
            left.product(y + (long) from * rows() * Float.BYTES, count, inner, LowRankTerm.NONE, stream);
            right.transposed(inner, count, x + (long) from * columns() * Float.BYTES, true, stream);
        }
    }

    @Override
    void decode(int fromRow, int count, long out, Stream stream) {
        base.decode(fromRow, count, out, stream);
        if (rightFloats == null) {
            rightFloats = decoded(right);
        }
        KernelArguments arguments = KernelArguments.builder()
                .ofPointer(leftFloats)
                .ofPointer(rightFloats.address())
                .ofInt(rank())
                .ofInt(rows())
                .ofInt(columns())
                .ofInt(fromRow)
                .ofInt(count)
                .ofPointer(out)
                .build();
        launchOver((long) count * columns(), kernel("sum.cu", "sum_low_rank"), arguments, stream);
    }
}
