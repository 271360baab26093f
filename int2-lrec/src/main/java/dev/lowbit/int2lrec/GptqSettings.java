package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import java.util.Objects;

/**
 * How GPTQ sweeps.
 *
 * @param grid what codes stand for
 * @param groupSize columns that share a grid in a row; 0 for the whole row
 * @param actOrder whether columns are taken by falling diagonal of the Hessian instead of from left to right
 * @param staticGroups whether all grids are fitted to the original weights beforehand; with {@code actOrder} groups stay contiguous
 *     then, otherwise a table of the columns' groups is needed
 * @param freshGroups whether the grid of a group that starts inside a block sees the feedback of that block; the published code's does not
 * @param damping share of the Hessian's mean diagonal that is added to it, above 0
 * @param blockWidth columns between two matrix products; counts for the result where groups are narrower and not fresh
 */
public record GptqSettings(
        AffineGrid grid,
        int groupSize,
        boolean actOrder,
        boolean staticGroups,
        boolean freshGroups,
        double damping,
        int blockWidth) {
    private static final double DAMPING = 0.01;
    private static final int BLOCK_WIDTH = 128;

    /** Checks ranges. */
    public GptqSettings {
        Objects.requireNonNull(grid);
        AffineCodes.resolve(groupSize, 1);
        if (!(damping > 0 && damping <= Double.MAX_VALUE)) {
            throw InvalidRequestException.usage(
                    "damping is positive and finite, got " + damping + "; 0.01 is customary");
        }
        if (blockWidth < 1) {
            throw InvalidRequestException.usage("a block has at least one column, got " + blockWidth);
        }
        if (staticGroups && freshGroups) {
            throw InvalidRequestException.usage(
                    "groups are either static (fitted before the sweep) or fresh (fitted late in it); choose one");
        }
    }

    /** The published defaults: left to right, groups fitted on the way, damping 0.01, blocks of 128. */
    public static GptqSettings published(AffineGrid grid, int groupSize) {
        return new GptqSettings(grid, groupSize, false, false, false, DAMPING, BLOCK_WIDTH);
    }

    /** These settings with columns by falling diagonal, and groups static or fitted on the way. */
    public GptqSettings actOrder(boolean groupsAreStatic) {
        return new GptqSettings(grid, groupSize, true, groupsAreStatic, false, damping, blockWidth);
    }

    /** These settings with fresh groups. */
    public GptqSettings fresh() {
        return new GptqSettings(grid, groupSize, actOrder, false, true, damping, blockWidth);
    }

    /** These settings with another damping. */
    public GptqSettings damping(double other) {
        return new GptqSettings(grid, groupSize, actOrder, staticGroups, freshGroups, other, blockWidth);
    }
}
