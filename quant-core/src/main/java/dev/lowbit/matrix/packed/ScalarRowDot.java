package dev.lowbit.matrix.packed;

/** The formula as it stands: what every other implementation is tested against. */
final class ScalarRowDot implements RowDot {
    @Override
    public void dot(RowBlock rows, float[] x, int xFrom, float[] lanes) {
        for (int row = 0; row < ROWS; row++) {
            dot(rows, row, x, xFrom, lanes);
        }
    }

    private static void dot(RowBlock rows, int row, float[] x, int xFrom, float[] lanes) {
        int codes = RowDot.codesOfUnit(rows.bits);
        int chunk = Math.max(rows.width, rows.step);
        long firstBit = (long) row * rows.bytes * Byte.SIZE;
        for (int start = 0; start < rows.count; start += chunk) {
            float[] sums = new float[LANES];
            for (int i = start; i < start + chunk; i++) {
                int lane = i / codes % LANES;
                int at = i / (LANES * codes) * (LANES * codes) + i % codes * LANES + lane;
                int code = PackedCodes.codeAt(rows.codes, firstBit + (long) i * rows.bits, rows.bits);
                sums[lane] = Math.fma(value(rows, row * rows.groups + i / rows.width, code), x[xFrom + at], sums[lane]);
            }
            for (int lane = 0; lane < LANES; lane++) {
                int group = row * rows.groups + (start + lane * codes) / rows.width;
                float scale = rows.scales == null ? 1 : rows.scales[group];
                lanes[row * LANES + lane] = Math.fma(sums[lane], scale, lanes[row * LANES + lane]);
            }
        }
    }

    /** @param group among those of all rows */
    private static float value(RowBlock rows, int group, int code) {
        float value = rows.tables == null ? code : rows.tables[group * rows.tableStep + code];
        return rows.zeros == null ? value : value - (rows.zeros[group] & 0xff);
    }
}
