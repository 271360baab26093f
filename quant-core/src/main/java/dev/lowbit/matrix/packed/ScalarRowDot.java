package dev.lowbit.matrix.packed;

/** The formula as it stands: what every other implementation is tested against. */
final class ScalarRowDot implements RowDot {
    @Override
    public void dot(
            byte[] row,
            int bits,
            int count,
            int width,
            float[] tables,
            int table,
            int tableStep,
            byte[] zeros,
            float[] scales,
            int group,
            float[] x,
            int xFrom,
            float[] lanes) {
        int codes = RowDot.codesInByte(bits);
        int step = LANES * codes;
        for (int start = 0; start < count; start += width, group++, table += tableStep) {
            float zero = zeros == null ? 0 : zeros[group] & 0xff;
            float scale = scales == null ? 1 : scales[group];
            float[] sums = new float[LANES];
            for (int i = start; i < start + width; i++) {
                int lane = i / codes % LANES;
                int at = i / step * step + i % codes * LANES + lane;
                int code = PackedCodes.codeAt(row, (long) i * bits, bits);
                sums[lane] = Math.fma(tables[table + code] - zero, x[xFrom + at], sums[lane]);
            }
            for (int lane = 0; lane < LANES; lane++) {
                lanes[lane] = Math.fma(sums[lane], scale, lanes[lane]);
            }
        }
    }
}
