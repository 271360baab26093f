package dev.lowbit.matrix.additive;

import dev.lowbit.kernel.VectorWidth;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The verbs in SIMD, bit-equal to {@link ScalarAdditiveKernels} at 128, 256 and 512 bits: lanes are weights of a tile, codewords, or the
 * virtual lanes of a sum.
 */
final class VectorAdditiveKernels implements AdditiveKernels {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final int WIDTH = F.length();

    private static final int FOUR = 4;
    private static final int EIGHT = 8;
    private static final VectorSpecies<Float> LARGE = FloatVector.SPECIES_256;
    private static final VectorSpecies<Float> SMALL = FloatVector.SPECIES_128;

    /** Four independent vectors share each input and hide the latency of the sums. */
    private static final int BATCH = 4 * WIDTH;

    /** Whole vectors are stored; what one writes beyond its tile is overwritten by the next tile or lies in the slack. */
    @Override
    public void decode(Codewords words, int row, char[] codes, int from, int tiles, float scale, float[] out) {
        float[] values = words.values;
        int codebooks = words.codebooks;
        int inGroup = words.inGroup;
        int tileSize = words.tileSize;
        int bookSize = words.entries * tileSize;
        FloatVector factor = FloatVector.broadcast(F, scale);
        for (int tile = from; tile < from + tiles; tile++) {
            int code = tile * codebooks;
            for (int i = 0; i < inGroup; i += WIDTH) {
                int at = row * inGroup + i;
                FloatVector sum = FloatVector.fromArray(F, values, codes[code] * tileSize + at);
                for (int m = 1; m < codebooks; m++) {
                    at += bookSize;
                    sum = sum.add(FloatVector.fromArray(F, values, codes[code + m] * tileSize + at));
                }
                sum.mul(factor).intoArray(out, tile * inGroup + i);
            }
        }
    }

    @Override
    public void products(Codewords words, float[] x, int xFrom, float[] table, int tableFrom) {
        float[] columns = words.transposed();
        int count = words.count();
        int inGroup = words.inGroup;
        int word = 0;
        for (; word + BATCH <= count; word += BATCH) {
            FloatVector s0 = FloatVector.zero(F);
            FloatVector s1 = s0;
            FloatVector s2 = s0;
            FloatVector s3 = s0;
            for (int i = 0; i < inGroup; i++) {
                FloatVector input = FloatVector.broadcast(F, x[xFrom + i]);
                int at = i * count + word;
                s0 = FloatVector.fromArray(F, columns, at).fma(input, s0);
                s1 = FloatVector.fromArray(F, columns, at + WIDTH).fma(input, s1);
                s2 = FloatVector.fromArray(F, columns, at + 2 * WIDTH).fma(input, s2);
                s3 = FloatVector.fromArray(F, columns, at + 3 * WIDTH).fma(input, s3);
            }
            int to = tableFrom + word;
            s0.intoArray(table, to);
            s1.intoArray(table, to + WIDTH);
            s2.intoArray(table, to + 2 * WIDTH);
            s3.intoArray(table, to + 3 * WIDTH);
        }
        for (; word < count; word++) {
            float sum = 0;
            for (int i = 0; i < inGroup; i++) {
                sum = Math.fma(columns[i * count + word], x[xFrom + i], sum);
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
        if (WIDTH >= EIGHT && words.inGroup == EIGHT) {
            eights(words, starts, startsOfRow, x, xFrom, from, count, scale0, scale1, lanes);
        } else {
            fours(words, starts, startsOfRow, x, xFrom, from, count, scale0, scale1, lanes);
        }
    }

    /** A tile of eight columns is a register, two are the lanes. */
    private static void eights(
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
        float[] values = words.values;
        int codebooks = words.codebooks;
        FloatVector low0 = FloatVector.zero(LARGE);
        FloatVector high0 = low0;
        FloatVector low1 = low0;
        FloatVector high1 = low0;
        int at = from / EIGHT * codebooks;
        for (int i = from; i < from + count; i += LANES, at += codebooks) {
            FloatVector low = FloatVector.fromArray(LARGE, x, xFrom + i);
            FloatVector high = FloatVector.fromArray(LARGE, x, xFrom + i + EIGHT);
            for (int m = 0; m < codebooks; m++, at++) {
                low0 = FloatVector.fromArray(LARGE, values, starts[at]).fma(low, low0);
                high0 = FloatVector.fromArray(LARGE, values, starts[at + codebooks])
                        .fma(high, high0);
                low1 = FloatVector.fromArray(LARGE, values, starts[at + startsOfRow])
                        .fma(low, low1);
                high1 = FloatVector.fromArray(LARGE, values, starts[at + startsOfRow + codebooks])
                        .fma(high, high1);
            }
        }
        low0.fma(FloatVector.broadcast(LARGE, scale0), FloatVector.fromArray(LARGE, lanes, 0))
                .intoArray(lanes, 0);
        high0.fma(FloatVector.broadcast(LARGE, scale0), FloatVector.fromArray(LARGE, lanes, EIGHT))
                .intoArray(lanes, EIGHT);
        low1.fma(FloatVector.broadcast(LARGE, scale1), FloatVector.fromArray(LARGE, lanes, LANES))
                .intoArray(lanes, LANES);
        high1.fma(FloatVector.broadcast(LARGE, scale1), FloatVector.fromArray(LARGE, lanes, LANES + EIGHT))
                .intoArray(lanes, LANES + EIGHT);
    }

    /** Four columns are a register, four of these the lanes: each of a tile of its own, or two of one tile of eight. */
    private static void fours(
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
        float[] values = words.values;
        int codebooks = words.codebooks;
        boolean halves = words.inGroup == EIGHT;
        int half = halves ? FOUR : 0;
        int second = halves ? 0 : codebooks;
        int third = halves ? codebooks : 2 * codebooks;
        for (int row = 0; row < ROWS; row++) {
            FloatVector sum0 = FloatVector.zero(SMALL);
            FloatVector sum1 = sum0;
            FloatVector sum2 = sum0;
            FloatVector sum3 = sum0;
            int at = from / words.inGroup * codebooks + row * startsOfRow;
            for (int i = xFrom + from; i < xFrom + from + count; i += LANES, at += third + second) {
                FloatVector x0 = FloatVector.fromArray(SMALL, x, i);
                FloatVector x1 = FloatVector.fromArray(SMALL, x, i + FOUR);
                FloatVector x2 = FloatVector.fromArray(SMALL, x, i + 2 * FOUR);
                FloatVector x3 = FloatVector.fromArray(SMALL, x, i + 3 * FOUR);
                for (int m = 0; m < codebooks; m++, at++) {
                    sum0 = FloatVector.fromArray(SMALL, values, starts[at]).fma(x0, sum0);
                    sum1 = FloatVector.fromArray(SMALL, values, starts[at + second] + half)
                            .fma(x1, sum1);
                    sum2 = FloatVector.fromArray(SMALL, values, starts[at + third])
                            .fma(x2, sum2);
                    sum3 = FloatVector.fromArray(SMALL, values, starts[at + third + second] + half)
                            .fma(x3, sum3);
                }
            }
            FloatVector scale = FloatVector.broadcast(SMALL, row == 0 ? scale0 : scale1);
            int to = row * LANES;
            sum0.fma(scale, FloatVector.fromArray(SMALL, lanes, to)).intoArray(lanes, to);
            to += FOUR;
            sum1.fma(scale, FloatVector.fromArray(SMALL, lanes, to)).intoArray(lanes, to);
            to += FOUR;
            sum2.fma(scale, FloatVector.fromArray(SMALL, lanes, to)).intoArray(lanes, to);
            to += FOUR;
            sum3.fma(scale, FloatVector.fromArray(SMALL, lanes, to)).intoArray(lanes, to);
        }
    }

    @Override
    public void gains(Codewords words, int codebook, float[] offsets, float[] point, float[] out) {
        float[] columns = words.transposed();
        int count = words.count();
        int first = codebook * words.entries;
        int k = 0;
        for (; k + BATCH <= words.entries; k += BATCH) {
            FloatVector s0 = FloatVector.fromArray(F, offsets, first + k);
            FloatVector s1 = FloatVector.fromArray(F, offsets, first + k + WIDTH);
            FloatVector s2 = FloatVector.fromArray(F, offsets, first + k + 2 * WIDTH);
            FloatVector s3 = FloatVector.fromArray(F, offsets, first + k + 3 * WIDTH);
            for (int i = 0; i < words.tileSize; i++) {
                FloatVector input = FloatVector.broadcast(F, point[i]);
                int at = i * count + first + k;
                s0 = FloatVector.fromArray(F, columns, at).fma(input, s0);
                s1 = FloatVector.fromArray(F, columns, at + WIDTH).fma(input, s1);
                s2 = FloatVector.fromArray(F, columns, at + 2 * WIDTH).fma(input, s2);
                s3 = FloatVector.fromArray(F, columns, at + 3 * WIDTH).fma(input, s3);
            }
            s0.intoArray(out, k);
            s1.intoArray(out, k + WIDTH);
            s2.intoArray(out, k + 2 * WIDTH);
            s3.intoArray(out, k + 3 * WIDTH);
        }
        for (; k < words.entries; k++) {
            float sum = offsets[first + k];
            for (int i = 0; i < words.tileSize; i++) {
                sum = Math.fma(columns[i * count + first + k], point[i], sum);
            }
            out[k] = sum;
        }
    }

    @Override
    public void addScaled(float[] values, int from, int count, float scale, float[] lanes) {
        int whole = count / LANES * LANES;
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            FloatVector sum = FloatVector.zero(F);
            for (int i = from + lane; i < from + whole; i += LANES) {
                sum = sum.add(FloatVector.fromArray(F, values, i));
            }
            int rest = Math.min(WIDTH, count - whole - lane);
            if (rest > 0) {
                // a lane without a value stays as it is: it would have gained nothing, not even +0
                var some = F.indexInRange(0, rest);
                sum = sum.add(FloatVector.fromArray(F, values, from + whole + lane, some), some);
            }
            sum.fma(FloatVector.broadcast(F, scale), FloatVector.fromArray(F, lanes, lane))
                    .intoArray(lanes, lane);
        }
    }

    @Override
    public void dot(float[] a, float[] x, int xFrom, int count, float[] lanes) {
        int whole = count / LANES * LANES;
        for (int lane = 0; lane < LANES; lane += WIDTH) {
            FloatVector sum = FloatVector.zero(F);
            for (int i = lane; i < whole; i += LANES) {
                sum = FloatVector.fromArray(F, a, i).fma(FloatVector.fromArray(F, x, xFrom + i), sum);
            }
            sum.intoArray(lanes, lane);
        }
        for (int i = whole; i < count; i++) {
            lanes[i - whole] = Math.fma(a[i], x[xFrom + i], lanes[i - whole]);
        }
    }

    @Override
    public int largest(float[] values, int count) {
        float most = values[0];
        int i = 0;
        if (count >= 2 * WIDTH) {
            FloatVector even = FloatVector.fromArray(F, values, 0);
            FloatVector odd = FloatVector.fromArray(F, values, WIDTH);
            for (i = 2 * WIDTH; i + 2 * WIDTH <= count; i += 2 * WIDTH) {
                FloatVector left = FloatVector.fromArray(F, values, i);
                FloatVector right = FloatVector.fromArray(F, values, i + WIDTH);
                even = even.blend(left, left.compare(VectorOperators.GT, even));
                odd = odd.blend(right, right.compare(VectorOperators.GT, odd));
            }
            even = even.blend(odd, odd.compare(VectorOperators.GT, even));
            most = even.reduceLanes(VectorOperators.MAX);
        }
        for (; i < count; i++) {
            most = values[i] > most ? values[i] : most;
        }
        int first = 0;
        for (; first + WIDTH <= count; first += WIDTH) {
            if (FloatVector.fromArray(F, values, first).eq(most).anyTrue()) {
                break;
            }
        }
        while (values[first] != most) {
            first++;
        }
        return first;
    }
}
