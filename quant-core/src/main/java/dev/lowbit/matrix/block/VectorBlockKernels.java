package dev.lowbit.matrix.block;

import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.packed.CodeLanes;
import dev.lowbit.matrix.packed.Packing;
import dev.lowbit.matrix.packed.WordDot;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * The verbs in SIMD, bit-equal to {@link ScalarBlockKernels} at 128, 256 and 512 bits: lanes are weights, every horizontal sum has the
 * same 16 virtual lanes, and what does not fill a vector goes the scalar way.
 */
final class VectorBlockKernels implements BlockKernels {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();

    /** How many vectors hold the 16 virtual lanes. */
    private static final int PER_LANES = LANES / WIDTH;

    /** Four independent vectors share each load of a midpoint. */
    private static final int BATCH = 4 * WIDTH;

    /** Wider codes have too many midpoints to compare with all of them, and too many values to look up in registers. */
    private static final int MAX_COMPARED_BITS = 5;

    private static final ScalarBlockKernels SCALAR = new ScalarBlockKernels();

    @Override
    public void absMax(float[] weights, int offset, int length, int groupSize, float[] out, int outOffset) {
        for (int start = 0; start < length; start += groupSize) {
            int from = offset + start;
            int to = offset + Math.min(length, start + groupSize);
            int largest = 0;
            if (to - from >= WIDTH) {
                IntVector all = IntVector.zero(I);
                for (; from + WIDTH <= to; from += WIDTH) {
                    all = all.max(FloatVector.fromArray(F, weights, from)
                            .reinterpretAsInts()
                            .and(Integer.MAX_VALUE));
                }
                largest = all.reduceLanes(VectorOperators.MAX);
            }
            for (; from < to; from++) {
                largest = Math.max(largest, Float.floatToRawIntBits(weights[from]) & Integer.MAX_VALUE);
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
        for (int start = 0; start < length; start += groupSize) {
            int count = Math.min(length - start, groupSize);
            float scale = scales[scalesOffset + start / groupSize];
            int to = codesOffset + start;
            if (scale == 0) {
                Arrays.fill(codes, to, to + count, (byte) table.zeroCode);
            } else if (table.bits > MAX_COMPARED_BITS) {
                encodeByBuckets(weights, offset + start, count, scale, table, codes, to);
            } else {
                encodeByComparing(weights, offset + start, count, scale, table, codes, to);
            }
        }
    }

    private static void encodeByBuckets(
            float[] weights, int offset, int count, float scale, CodeTable table, byte[] codes, int codesOffset) {
        for (int i = 0; i < count; i++) {
            codes[codesOffset + i] = (byte) table.code(weights[offset + i] / scale);
        }
    }

    private static void encodeByComparing(
            float[] weights, int offset, int count, float scale, CodeTable table, byte[] codes, int codesOffset) {
        float[] midpoints = table.midpoints;
        FloatVector divisor = FloatVector.broadcast(F, scale);
        int i = 0;
        for (; i + BATCH <= count; i += BATCH) {
            int at = offset + i;
            FloatVector x0 = FloatVector.fromArray(F, weights, at).div(divisor);
            FloatVector x1 = FloatVector.fromArray(F, weights, at + WIDTH).div(divisor);
            FloatVector x2 = FloatVector.fromArray(F, weights, at + 2 * WIDTH).div(divisor);
            FloatVector x3 = FloatVector.fromArray(F, weights, at + 3 * WIDTH).div(divisor);
            IntVector c0 = IntVector.zero(I);
            IntVector c1 = c0;
            IntVector c2 = c0;
            IntVector c3 = c0;
            for (float midpoint : midpoints) {
                FloatVector limit = FloatVector.broadcast(F, midpoint);
                c0 = c0.add(1, x0.compare(VectorOperators.GT, limit).cast(I));
                c1 = c1.add(1, x1.compare(VectorOperators.GT, limit).cast(I));
                c2 = c2.add(1, x2.compare(VectorOperators.GT, limit).cast(I));
                c3 = c3.add(1, x3.compare(VectorOperators.GT, limit).cast(I));
            }
            int to = codesOffset + i;
            storeBytes(c0, codes, to);
            storeBytes(c1, codes, to + WIDTH);
            storeBytes(c2, codes, to + 2 * WIDTH);
            storeBytes(c3, codes, to + 3 * WIDTH);
        }
        for (; i + WIDTH <= count; i += WIDTH) {
            FloatVector x = FloatVector.fromArray(F, weights, offset + i).div(divisor);
            IntVector code = IntVector.zero(I);
            for (float midpoint : midpoints) {
                code = code.add(1, x.compare(VectorOperators.GT, midpoint).cast(I));
            }
            storeBytes(code, codes, codesOffset + i);
        }
        encodeByBuckets(weights, offset + i, count - i, scale, table, codes, codesOffset + i);
    }

    private static void storeBytes(IntVector codes, byte[] to, int at) {
        if (WIDTH == 16) {
            ((ByteVector) codes.convertShape(VectorOperators.I2B, ByteVector.SPECIES_128, 0)).intoArray(to, at);
        } else if (WIDTH == 8) {
            ((ByteVector) codes.convertShape(VectorOperators.I2B, ByteVector.SPECIES_64, 0)).intoArray(to, at);
        } else {
            for (int lane = 0; lane < WIDTH; lane++) {
                to[at + lane] = (byte) codes.lane(lane);
            }
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
        for (int start = 0; start < length; start += groupSize) {
            int count = Math.min(length - start, groupSize);
            float scale = scales[scalesOffset + start / groupSize];
            if (scale == 0) {
                System.arraycopy(weights, offset + start, out, outOffset + start, count);
            } else if (table.bits > MAX_COMPARED_BITS) {
                residualByBuckets(weights, offset + start, count, scale, table, out, outOffset + start);
            } else {
                residualByComparing(weights, offset + start, count, scale, table, out, outOffset + start);
            }
        }
    }

    private static void residualByBuckets(
            float[] weights, int offset, int count, float scale, CodeTable table, float[] out, int outOffset) {
        float[] values = table.values;
        for (int i = 0; i < count; i++) {
            float weight = weights[offset + i];
            out[outOffset + i] = weight - values[table.code(weight / scale)] * scale;
        }
    }

    private static void residualByComparing(
            float[] weights, int offset, int count, float scale, CodeTable table, float[] out, int outOffset) {
        float[] midpoints = table.midpoints;
        float[] values = table.values;
        FloatVector divisor = FloatVector.broadcast(F, scale);
        FloatVector lowest = FloatVector.broadcast(F, values[0]);
        int i = 0;
        for (; i + BATCH <= count; i += BATCH) {
            int at = offset + i;
            FloatVector w0 = FloatVector.fromArray(F, weights, at);
            FloatVector w1 = FloatVector.fromArray(F, weights, at + WIDTH);
            FloatVector w2 = FloatVector.fromArray(F, weights, at + 2 * WIDTH);
            FloatVector w3 = FloatVector.fromArray(F, weights, at + 3 * WIDTH);
            FloatVector x0 = w0.div(divisor);
            FloatVector x1 = w1.div(divisor);
            FloatVector x2 = w2.div(divisor);
            FloatVector x3 = w3.div(divisor);
            FloatVector v0 = lowest;
            FloatVector v1 = lowest;
            FloatVector v2 = lowest;
            FloatVector v3 = lowest;
            for (int k = 0; k < midpoints.length; k++) {
                FloatVector limit = FloatVector.broadcast(F, midpoints[k]);
                FloatVector value = FloatVector.broadcast(F, values[k + 1]);
                v0 = v0.blend(value, x0.compare(VectorOperators.GT, limit));
                v1 = v1.blend(value, x1.compare(VectorOperators.GT, limit));
                v2 = v2.blend(value, x2.compare(VectorOperators.GT, limit));
                v3 = v3.blend(value, x3.compare(VectorOperators.GT, limit));
            }
            int to = outOffset + i;
            w0.sub(v0.mul(divisor)).intoArray(out, to);
            w1.sub(v1.mul(divisor)).intoArray(out, to + WIDTH);
            w2.sub(v2.mul(divisor)).intoArray(out, to + 2 * WIDTH);
            w3.sub(v3.mul(divisor)).intoArray(out, to + 3 * WIDTH);
        }
        for (; i + WIDTH <= count; i += WIDTH) {
            FloatVector w = FloatVector.fromArray(F, weights, offset + i);
            FloatVector x = w.div(divisor);
            FloatVector v = lowest;
            for (int k = 0; k < midpoints.length; k++) {
                v = v.blend(values[k + 1], x.compare(VectorOperators.GT, midpoints[k]));
            }
            w.sub(v.mul(divisor)).intoArray(out, outOffset + i);
        }
        residualByBuckets(weights, offset + i, count - i, scale, table, out, outOffset + i);
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
        if (table.bits > MAX_COMPARED_BITS) {
            SCALAR.bestScales(
                    weights, importance, offset, length, groupSize, bases, steps, block, multiples, table, best);
            return;
        }
        ScaleSearch.bestScales(
                weights, importance, offset, length, groupSize, bases, steps, block, multiples, table, best);
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
        if (table.bits > MAX_COMPARED_BITS) {
            SCALAR.feedbackCosts(weights, offset, length, carried, triangle, scales, table, costs);
            return;
        }
        FeedbackCosts.of(weights, offset, length, carried, triangle, scales, table, costs);
    }

    @Override
    public double sumOfSquares(float[] values, float[] importance, int offset, int length) {
        float[] lanes = new float[LANES];
        double total = 0;
        for (int start = 0; start < length; start += SQUARES_CHUNK) {
            int count = Math.min(SQUARES_CHUNK, length - start);
            int whole = count / LANES * LANES;
            squaresOfChunk(values, importance, offset + start, whole, lanes);
            for (int i = whole; i < count; i++) {
                float value = values[offset + start + i];
                float other = importance == null ? value : value * importance[offset + start + i];
                lanes[i % LANES] = Math.fma(value, other, lanes[i % LANES]);
            }
            float sum = Lanes.sum(lanes);
            total += ScalarBlockKernels.safeSum(sum, values, importance, offset + start, count);
        }
        return total;
    }

    private static void squaresOfChunk(float[] values, float[] importance, int offset, int count, float[] lanes) {
        for (int part = 0; part < PER_LANES; part++) {
            FloatVector sum = FloatVector.zero(F);
            if (importance == null) {
                for (int i = part * WIDTH; i < count; i += LANES) {
                    FloatVector value = FloatVector.fromArray(F, values, offset + i);
                    sum = value.fma(value, sum);
                }
            } else {
                for (int i = part * WIDTH; i < count; i += LANES) {
                    FloatVector value = FloatVector.fromArray(F, values, offset + i);
                    sum = value.fma(value.mul(FloatVector.fromArray(F, importance, offset + i)), sum);
                }
            }
            sum.intoArray(lanes, part * WIDTH);
        }
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
        if (CodeLanes.holds(table.bits) && RegisterLookup.keepsAlignment(groupSize, length)) {
            RegisterLookup.dequantize(packed, bitOffset, length, groupSize, scales, scalesOffset, table, out, outIndex);
            return;
        }
        byte[] codes = BlockScratch.ofThread().codes(length);
        Packing.get().unpack(packed, bitOffset, length, table.bits, codes, 0);
        float[] results = BlockScratch.ofThread().results(length);
        float[] values = table.values;
        for (int start = 0; start < length; start += groupSize) {
            int end = Math.min(length, start + groupSize);
            float scale = scales[scalesOffset + start / groupSize];
            for (int i = start; i < end; i++) {
                results[i] = values[codes[i] & 0xff] * scale;
            }
        }
        MemorySegment.copy(results, 0, out, ValueLayout.JAVA_FLOAT, outIndex * Float.BYTES, length);
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
        if (CodeLanes.holds(table.bits) && groupSize % LANES == 0) {
            int whole = length / groupSize * groupSize;
            WordDot.dot(
                    packed,
                    bitOffset,
                    whole,
                    table.bits,
                    groupSize,
                    table.cyclic,
                    null,
                    scales,
                    scalesOffset,
                    x,
                    xOffset,
                    lanes);
            if (whole < length) {
                SCALAR.dot(
                        packed,
                        bitOffset + whole * table.bits,
                        length - whole,
                        groupSize,
                        scales,
                        scalesOffset + whole / groupSize,
                        table,
                        x,
                        xOffset + whole,
                        lanes);
            }
            return;
        }
        byte[] codes = BlockScratch.ofThread().codes(length);
        Packing.get().unpack(packed, bitOffset, length, table.bits, codes, 0);
        float[] values = BlockScratch.ofThread().results(length);
        for (int i = 0; i < length; i++) {
            values[i] = table.values[codes[i] & 0xff];
        }
        dotDecoded(values, length, groupSize, scales, scalesOffset, x, xOffset, lanes);
    }

    private static void dotDecoded(
            float[] values,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            float[] x,
            int xOffset,
            float[] lanes) {
        float[] sums = new float[LANES];
        for (int start = 0; start < length; start += groupSize) {
            int count = Math.min(length - start, groupSize);
            int whole = count / LANES * LANES;
            for (int part = 0; part < PER_LANES; part++) {
                FloatVector sum = FloatVector.zero(F);
                for (int i = start + part * WIDTH; i < start + whole; i += LANES) {
                    sum = FloatVector.fromArray(F, values, i).fma(FloatVector.fromArray(F, x, xOffset + i), sum);
                }
                sum.intoArray(sums, part * WIDTH);
            }
            for (int i = whole; i < count; i++) {
                int lane = i % LANES;
                sums[lane] = Math.fma(values[start + i], x[xOffset + start + i], sums[lane]);
            }
            FloatVector scale = FloatVector.broadcast(F, scales[scalesOffset + start / groupSize]);
            for (int part = 0; part < PER_LANES; part++) {
                FloatVector.fromArray(F, sums, part * WIDTH)
                        .fma(scale, FloatVector.fromArray(F, lanes, part * WIDTH))
                        .intoArray(lanes, part * WIDTH);
            }
        }
    }
}
