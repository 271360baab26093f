package dev.lowbit.matrix.additive;

import java.util.Arrays;

/** The formulas as they stand: what every other implementation is tested against. */
final class ScalarAdditiveKernels implements AdditiveKernels {
    @Override
    public void decode(Codewords words, int row, char[] codes, int from, int tiles, float scale, float[] out) {
        for (int tile = from; tile < from + tiles; tile++) {
            for (int i = 0; i < words.inGroup; i++) {
                float sum = 0;
                for (int m = 0; m < words.codebooks; m++) {
                    int word = m * words.entries + codes[tile * words.codebooks + m];
                    float value = words.values[word * words.tileSize + row * words.inGroup + i];
                    sum = m == 0 ? value : sum + value;
                }
                out[tile * words.inGroup + i] = scale * sum;
            }
        }
    }

    @Override
    public void products(Codewords words, float[] x, int xFrom, float[] table, int tableFrom) {
        for (int word = 0; word < words.count(); word++) {
            float sum = 0;
            for (int i = 0; i < words.inGroup; i++) {
                sum = Math.fma(words.values[word * words.tileSize + i], x[xFrom + i], sum);
            }
            table[tableFrom + word] = sum;
        }
    }

    @Override
    public void dotOfRows(
            Codewords words,
            int[] starts,
            int startsOfRow,
            float[] x,
            int xFrom,
            int from,
            int count,
            float scale0,
            float scale1,
            float[] lanes) {
        for (int row = 0; row < ROWS; row++) {
            float[] sums = new float[LANES];
            for (int i = from; i < from + count; i++) {
                for (int m = 0; m < words.codebooks; m++) {
                    int start = starts[row * startsOfRow + i / words.inGroup * words.codebooks + m];
                    sums[i % LANES] = Math.fma(words.values[start + i % words.inGroup], x[xFrom + i], sums[i % LANES]);
                }
            }
            for (int lane = 0; lane < LANES; lane++) {
                int at = row * LANES + lane;
                lanes[at] = Math.fma(sums[lane], row == 0 ? scale0 : scale1, lanes[at]);
            }
        }
    }

    @Override
    public void gains(Codewords words, int codebook, float[] offsets, float[] point, float[] out) {
        for (int k = 0; k < words.entries; k++) {
            int word = codebook * words.entries + k;
            float sum = offsets[word];
            for (int i = 0; i < words.tileSize; i++) {
                sum = Math.fma(words.values[word * words.tileSize + i], point[i], sum);
            }
            out[k] = sum;
        }
    }

    @Override
    public void addScaled(float[] values, int from, int count, float scale, float[] lanes) {
        float[] sums = new float[LANES];
        for (int i = 0; i < count; i++) {
            sums[i % LANES] += values[from + i];
        }
        for (int lane = 0; lane < LANES; lane++) {
            lanes[lane] = Math.fma(sums[lane], scale, lanes[lane]);
        }
    }

    @Override
    public void dot(float[] a, float[] x, int xFrom, int count, float[] lanes) {
        Arrays.fill(lanes, 0f);
        for (int i = 0; i < count; i++) {
            lanes[i % LANES] = Math.fma(a[i], x[xFrom + i], lanes[i % LANES]);
        }
    }

    @Override
    public int largest(float[] values, int count) {
        int largest = 0;
        for (int i = 1; i < count; i++) {
            if (values[i] > values[largest]) {
                largest = i;
            }
        }
        return largest;
    }
}
