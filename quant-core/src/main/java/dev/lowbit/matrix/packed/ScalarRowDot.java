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
            int tableStep,
            float[] zeros,
            float[] scales,
            float[] x,
            int xFrom,
            float[] lanes) {
        int codes = RowDot.codesInByte(bits);
        int step = RowDot.step(bits);
        int chunk = Math.max(width, step);
        for (int start = 0; start < count; start += chunk) {
            float[] sums = new float[LANES];
            for (int i = start; i < start + chunk; i++) {
                int group = i / width;
                float zero = zeros == null ? 0 : zeros[group];
                int lane = i / codes % LANES;
                int at = i / step * step + i % codes * LANES + lane;
                int code = PackedCodes.codeAt(row, (long) i * bits, bits);
                float value = tables == null ? code : tables[group * tableStep + code];
                sums[lane] = Math.fma(value - zero, x[xFrom + at], sums[lane]);
            }
            for (int lane = 0; lane < LANES; lane++) {
                int group = (start + lane * codes) / width;
                lanes[lane] = Math.fma(sums[lane], scales == null ? 1 : scales[group], lanes[lane]);
            }
        }
    }
}
