package dev.lowbit.matrix.packed;

/**
 * {@link RowDot#ROWS} rows of packed codes, one behind the other, and what they stand for: scale (table[code] - zero), each of a code's group. The arrays are filled anew for other rows; where there are fewer
 * rows, what the others hold does not matter.
 */
final class RowBlock {
    /** Of a code. */
    final int bits;

    /** Codes that are handled together ({@link RowDot#step}). */
    final int step;

    /** Codes of a row. */
    final int count;

    /** Codes of a group. */
    final int width;

    /** Groups of a row. */
    final int groups;

    /** Bytes of a row. */
    final int bytes;

    /** Of all rows, with {@link Packing#SLACK} bytes behind them. */
    final byte[] codes;

    /** {@link RowDot#TABLE} entries for each table: one, or one for each group, row after row; null where a code is what it stands for. */
    final float[] tables;

    /** From a group's table to the next group's; 0 when all have the same. */
    final int tableStep;

    /** Of all groups, unsigned, row after row, with {@link Packing#SLACK} bytes behind them; null for none. */
    final byte[] zeros;

    /** Of all groups, row after row, with {@link RowDot#LANES} values behind them; null for 1. */
    final float[] scales;

    /**
     * Room for rows.
     *
     * @param table of all groups; used, not copied; null where groups have their own or there is none
     * @param ofGroups whether each group has a table
     */
    RowBlock(int bits, int count, int width, float[] table, boolean ofGroups, boolean hasZeros, boolean hasScales) {
        this.bits = bits;
        this.step = RowDot.step(bits);
        this.count = count;
        this.width = width;
        this.groups = count / width;
        this.bytes = count / Byte.SIZE * bits;
        this.codes = new byte[RowDot.ROWS * bytes + Packing.SLACK];
        this.tableStep = ofGroups ? RowDot.TABLE : 0;
        this.tables = ofGroups ? new float[RowDot.ROWS * groups * RowDot.TABLE] : table;
        this.zeros = hasZeros ? new byte[RowDot.ROWS * groups + Packing.SLACK] : null;
        this.scales = hasScales ? new float[RowDot.ROWS * groups + RowDot.LANES] : null;
    }
}
