package dev.lowbit.int2lrec;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.packed.WordFields;
import java.util.Arrays;

/**
 * The exchange layout of GPTQ-for-LLaMa, which INT2.1 (arXiv 2306.08162) and most GPTQ checkpoints use. Values of b bits follow each
 * other in the bits of 32-bit words, lowest first, so that 32 values fill b words; for b = 3 two of them cross a word's end.
 *
 * <p>What stands for the zero z is z - 1 in the first version of the layout, z in the second. A group without negative weights has z = 0,
 * for which the published writer of the first stores -1 in too many bits and destroys the fields beside it, and published readers compute
 * field + 1 without wrapping: such a matrix can be exchanged only with readers that wrap, or in the second version.
 *
 * @param inputs n, a multiple of 32
 * @param outputs m, a multiple of 32
 * @param bits b: 2, 3, 4 or 8
 * @param groupSize columns of a group
 * @param qweight n/32 b x m, row-major; down a column run the inputs of one output
 * @param qzeros groups x m/32 b, row-major; along a row run the outputs
 * @param scales groups x m, row-major, half floats
 * @param groupIndex the group of every input, n
 */
public record GptqPacking(
        int inputs,
        int outputs,
        int bits,
        int groupSize,
        int[] qweight,
        int[] qzeros,
        short[] scales,
        int[] groupIndex) {
    private static final int UNIT = WordFields.UNIT;

    /** What a writer does with z = 0. */
    public enum ZeroWriting {
        /** Names the group and writes nothing. */
        REFUSE,
        /** Stores 2^b - 1 in its own field; only {@link ZeroReading#WRAPPING} readers get it back. */
        WRAP
    }

    /** What a reader makes of a field. */
    public enum ZeroReading {
        /** (field + 1) mod 2^b. */
        WRAPPING,
        /** field + 1, which is 2^b for z = 0, as published readers have it; right for writers that clip. */
        PLAIN
    }

    /** Checks sizes. */
    public GptqPacking {
        requireShape(outputs, inputs, bits);
        int groups = Math.ceilDiv(inputs, Math.max(1, groupSize));
        if (groupSize < 1
                || qweight.length != (long) inputs / UNIT * bits * outputs
                || qzeros.length != (long) groups * (outputs / UNIT * bits)
                || scales.length != (long) groups * outputs
                || groupIndex.length != inputs) {
            throw InvalidRequestException.usage("a packed layer of " + outputs + " x " + inputs + " with " + bits
                    + " bits in groups of " + groupSize + " cannot have " + qweight.length + " words of codes, "
                    + qzeros.length + " words of zeros, " + scales.length + " scales and " + groupIndex.length
                    + " group numbers");
        }
    }

    private static void requireShape(int outputs, int inputs, int bits) {
        if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
            throw InvalidRequestException.usage("the exchange layout has 2, 3, 4 or 8 bits, not " + bits);
        }
        if (inputs % UNIT != 0 || outputs % UNIT != 0) {
            throw InvalidRequestException.usage("the exchange layout needs inputs and outputs in multiples of " + UNIT
                    + ", the matrix is " + outputs + " x " + inputs + "; keep our own format");
        }
    }

    /**
     * Packs a matrix.
     *
     * @throws InvalidRequestException when the layout can't hold the shape or the bits, a scale overflows half floats, or there is a z = 0
     * that is to be
     *     refused
     */
    public static GptqPacking pack(AffineCodes matrix, ZeroWriting zeroWriting) {
        int m = matrix.rows();
        int n = matrix.columns();
        int bits = matrix.bits();
        requireShape(m, n, bits);
        int groups = matrix.groups();
        int[] qweight = new int[n / UNIT * bits * m];
        int[] qzeros = new int[groups * (m / UNIT * bits)];
        short[] scales = new short[groups * m];
        for (int i = 0; i < m; i++) {
            for (int j = 0; j < n; j++) {
                WordFields.put(qweight, i, m, j, bits, matrix.code(i, j));
            }
            for (int g = 0; g < groups; g++) {
                int zero = matrix.zeros()[i * groups + g];
                if (zero == 0 && zeroWriting == ZeroWriting.REFUSE) {
                    throw InvalidRequestException.impossible("row " + i + ", group " + g
                            + " has no negative weight and so the zero 0, which readers of the exchange layout take for "
                            + (1 << bits) + "; allow wrapped zeros or keep our own format");
                }
                WordFields.put(qzeros, g * (m / UNIT * bits), 1, i, bits, zero - 1 & (1 << bits) - 1);
                scales[g * m + i] = half(matrix.scales()[i * groups + g], i, g);
            }
        }
        int[] groupIndex = new int[n];
        Arrays.setAll(groupIndex, matrix::group);
        return new GptqPacking(n, m, bits, matrix.groupSize(), qweight, qzeros, scales, groupIndex);
    }

    private static short half(float scale, int row, int group) {
        short half = Float.floatToFloat16(scale);
        if (Float.isInfinite(Float.float16ToFloat(half))) {
            throw InvalidRequestException.impossible("the scale " + scale + " of row " + row + ", group " + group
                    + " is beyond half floats, which the exchange layout stores; keep our own format");
        }
        return half;
    }

    /**
     * Unpacks. Scales are the stored half floats.
     *
     * @throws InvalidRequestException when a scale is not finite or a group number out of range
     */
    public AffineCodes unpack(ZeroReading zeroReading) {
        int groups = Math.ceilDiv(inputs, groupSize);
        byte[] codes = new byte[Math.multiplyExact(outputs, inputs)];
        float[] floats = new float[scales.length];
        int[] zeros = new int[scales.length];
        boolean contiguous = true;
        for (int j = 0; j < inputs; j++) {
            if (groupIndex[j] < 0 || groupIndex[j] >= groups) {
                throw InvalidRequestException.usage(
                        "input " + j + " is in group " + groupIndex[j] + " of " + groups + " groups");
            }
            contiguous &= groupIndex[j] == j / groupSize;
        }
        for (int i = 0; i < outputs; i++) {
            for (int j = 0; j < inputs; j++) {
                codes[i * inputs + j] = (byte) WordFields.get(qweight, i, outputs, j, bits);
            }
            for (int g = 0; g < groups; g++) {
                int field = WordFields.get(qzeros, g * (outputs / UNIT * bits), 1, i, bits);
                int zero = field + 1;
                zeros[i * groups + g] = zeroReading == ZeroReading.WRAPPING ? zero & (1 << bits) - 1 : zero;
                float scale = Float.float16ToFloat(scales[g * outputs + i]);
                if (!(scale >= 0 && scale <= Float.MAX_VALUE)) {
                    throw InvalidRequestException.usage("the scale of row " + i + ", group " + g + " is " + scale
                            + "; it must be finite and not negative");
                }
                floats[i * groups + g] = scale;
            }
        }
        return new AffineCodes(
                outputs, inputs, bits, groupSize, codes, floats, zeros, contiguous ? new int[0] : groupIndex.clone());
    }
}
