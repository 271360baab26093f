package dev.lowbit.sketchtune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.TableFormat;
import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** The ways to store a sketch that are priced. Tables weigh much on short rows: there integers of a few bits are worth their error. */
final class SketchGrid {
    private static final int[] BITS = {2, 3, 4};
    private static final int[] GROUPS = {1, 2, 4, 8};

    private static final List<TableFormat> TABLES =
            List.of(new TableFormat.Direct(DType.F16), coded(8, 8), coded(6, 8), coded(5, 6), coded(4, 6), coded(4, 4));

    private SketchGrid() {}

    private static TableFormat coded(int bits, int scaleBits) {
        return new TableFormat.Coded(bits, new ScaleFormat.TwoLevel(scaleBits, 64, DType.BF16));
    }

    /** @param groupSize columns of a group, or 0 for all that the method knows */
    static List<SketchFormat> formats(int groupSize, int columns) {
        List<SketchFormat> formats = new ArrayList<>();
        for (int groups : groups(groupSize, columns)) {
            for (int bits : BITS) {
                for (TableFormat tables : TABLES) {
                    formats.add(new SketchFormat(bits, groups, tables));
                }
            }
        }
        return formats;
    }

    /** Entries of a row with the most groups and the longest codes of {@link #formats}, or more. */
    static int mostEntries(int groupSize, int columns) {
        int groups = groupSize == 0 ? GROUPS[GROUPS.length - 1] : Math.ceilDiv(columns, groupSize);
        return Math.min(groups, SketchFormat.MOST_GROUPS) << BITS[BITS.length - 1];
    }

    private static int[] groups(int groupSize, int columns) {
        if (groupSize == 0) {
            return IntStream.of(GROUPS).filter(g -> columns % g == 0).toArray();
        }
        if (groupSize > columns || columns % groupSize != 0) {
            throw InvalidRequestException.impossible("rows of " + columns + " weights do not make equal groups of "
                    + groupSize + "; take a divisor of all row lengths, or no --group");
        }
        return new int[] {columns / groupSize};
    }
}
