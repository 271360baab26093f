package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.kernel.Lanes;
import dev.lowbit.matrix.packed.PackedCodes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/** The formulas as they stand: what every other implementation is tested against. */
final class ScalarBlockKernels implements BlockKernels {
    private static final double SAFE_LOW = 0x1p-60;
    private static final double SAFE_HIGH = 0x1p100;

    @Override
    public void absMax(float[] weights, int offset, int length, int groupSize, float[] out, int outOffset) {
        for (int start = 0; start < length; start += groupSize) {
            int end = Math.min(length, start + groupSize);
            int largest = 0;
            for (int i = start; i < end; i++) {
                largest = Math.max(largest, Float.floatToRawIntBits(weights[offset + i]) & Integer.MAX_VALUE);
            }
            out[outOffset + start / groupSize] = Float.intBitsToFloat(largest);
        }
    }

    @Override
    public void encode(
            float[] weights,
            int offset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            byte[] codes,
            int codesOffset) {
        for (int i = 0; i < length; i++) {
            codes[codesOffset + i] =
                    (byte) code(weights[offset + i], scales[scalesOffset + i / groupSize], table.codebook);
        }
    }

    @Override
    public void residual(
            float[] weights,
            int offset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            float[] out,
            int outOffset) {
        for (int i = 0; i < length; i++) {
            float weight = weights[offset + i];
            float scale = scales[scalesOffset + i / groupSize];
            out[outOffset + i] =
                    scale == 0 ? weight : weight - table.codebook.value(table.codebook.encode(weight / scale)) * scale;
        }
    }

    private static int code(float weight, float scale, Codebook codebook) {
        return scale == 0 ? codebook.zeroCode() : codebook.encode(weight / scale);
    }

    @Override
    public void bestScales(
            float[] weights,
            float[] importance,
            int offset,
            int length,
            int groupSize,
            float[] bases,
            float[] steps,
            int block,
            float[] multiples,
            CodeTable table,
            byte[] best) {
        float[] sums = new float[LANES];
        float[] candidates = new float[LANES];
        for (int start = 0; start < length; start += groupSize) {
            int at = offset + start;
            int count = Math.min(groupSize, length - start);
            int number = block + start / groupSize;
            for (int lane = 0; lane < LANES; lane++) {
                candidates[lane] = Math.fma(steps[number], multiples[lane], bases[number]);
                float inverse = 1 / candidates[lane];
                float sum = 0;
                for (int i = at; i < at + count; i++) {
                    float t = weights[i] * inverse;
                    float d = t - table.codebook.value(table.codebook.encode(t));
                    sum = Math.fma(importance == null ? d : d * importance[i], d, sum);
                }
                sums[lane] = sum;
            }
            best[number] = BlockKernels.bestLane(sums, candidates, weights, importance, at, count);
        }
    }

    @Override
    public void feedbackCosts(
            float[] weights,
            int offset,
            int length,
            float[] carried,
            float[] triangle,
            float[] scales,
            CodeTable table,
            float[] costs) {
        for (int lane = 0; lane < LANES; lane++) {
            float scale = scales[lane];
            float inverse = scale == 0 ? 0 : 1 / scale;
            float[] sums = Arrays.copyOf(carried, length);
            float cost = 0;
            for (int k = 0; k < length; k++) {
                float pivot = triangle[k * length + k];
                float t = Math.fma(sums[k], 1 / pivot, weights[offset + k]) * inverse;
                float value = table.codebook.value(table.codebook.encode(t));
                float d = Math.fma(-scale, value, weights[offset + k]);
                float term = Math.fma(d, pivot, sums[k]);
                cost = Math.fma(term, term, cost);
                for (int j = k + 1; j < length; j++) {
                    sums[j] = Math.fma(d, triangle[k * length + j], sums[j]);
                }
            }
            costs[lane] = cost;
        }
    }

    @Override
    public double sumOfSquares(float[] values, float[] importance, int offset, int length) {
        float[] lanes = new float[LANES];
        double total = 0;
        for (int start = 0; start < length; start += SQUARES_CHUNK) {
            int end = Math.min(length, start + SQUARES_CHUNK);
            Arrays.fill(lanes, 0f);
            for (int i = start; i < end; i++) {
                float value = values[offset + i];
                float other = importance == null ? value : value * importance[offset + i];
                lanes[(i - start) % LANES] = Math.fma(value, other, lanes[(i - start) % LANES]);
            }
            total += safeSum(Lanes.sum(lanes), values, importance, offset + start, end - start);
        }
        return total;
    }

    /** The float sum of a chunk when it can be trusted, else the sum in double: squares over- or underflow float early. */
    static double safeSum(float sum, float[] values, float[] importance, int offset, int length) {
        if (sum >= SAFE_LOW && sum <= SAFE_HIGH) {
            return sum;
        }
        double exact = 0;
        for (int i = offset; i < offset + length; i++) {
            double square = (double) values[i] * values[i];
            exact += importance == null ? square : importance[i] * square;
        }
        return exact;
    }

    @Override
    public void dequantize(
            byte[] packed,
            int bitOffset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            MemorySegment out,
            long outIndex) {
        int bits = table.bits;
        for (int i = 0; i < length; i++) {
            int code = PackedCodes.codeAt(packed, bitOffset + (long) i * bits, bits);
            float value = table.codebook.value(code) * scales[scalesOffset + i / groupSize];
            out.setAtIndex(ValueLayout.JAVA_FLOAT, outIndex + i, value);
        }
    }

    @Override
    public void dot(
            byte[] packed,
            int bitOffset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            float[] x,
            int xOffset,
            float[] lanes) {
        int bits = table.bits;
        float[] sums = new float[LANES];
        for (int start = 0; start < length; start += groupSize) {
            int end = Math.min(length, start + groupSize);
            Arrays.fill(sums, 0f);
            for (int i = start; i < end; i++) {
                int code = PackedCodes.codeAt(packed, bitOffset + (long) i * bits, bits);
                int lane = (i - start) % LANES;
                sums[lane] = Math.fma(table.codebook.value(code), x[xOffset + i], sums[lane]);
            }
            float scale = scales[scalesOffset + start / groupSize];
            for (int lane = 0; lane < LANES; lane++) {
                lanes[lane] = Math.fma(sums[lane], scale, lanes[lane]);
            }
        }
    }
}
