package dev.lowbit.matrix.gptq;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.packed.WordFields;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;

/**
 * A matrix in the exchange layout: the same codes, zero points and scales, so that scale (code - zero) has the same bits. One exception leaves
 * the values alone: where z - 1 is stored, a group with z = 0 is given z = 1 and codes that are larger by 1.
 *
 * @param qweight see {@link GptqLayout#QWEIGHT}, row-major like the others
 * @param qzeros see {@link GptqLayout#QZEROS}
 * @param groupIndex see {@link GptqLayout#GROUP_INDEX}
 * @param scales see {@link GptqLayout#SCALES}, half floats
 */
public record GptqTensors(int[] qweight, int[] qzeros, int[] groupIndex, short[] scales) {
    /**
     * Packs a matrix.
     *
     * @param layer for messages
     * @param matrix with scales that are half floats
     * @throws InvalidRequestException impossible, when the layout has no such matrix, or the version no zero point of 0 and a group with
     *     that also has the largest code
     */
    public static GptqTensors pack(String layer, AffineMatrix matrix, GptqVersion version, Workers workers) {
        GptqLayout layout = GptqLayout.of(matrix.affineFormat(), matrix.rows(), matrix.columns());
        GptqTensors tensors = new GptqTensors(
                new int[layout.columns() / WordFields.UNIT * layout.bits() * layout.rows()],
                new int[Math.multiplyExact(layout.groups(), layout.zeroWords())],
                new int[layout.columns()],
                new short[Math.multiplyExact(layout.groups(), layout.rows())]);
        Arrays.setAll(tensors.groupIndex, matrix::group);
        byte[] zeros = matrix.zeros();
        float[] scales = matrix.scales().values();
        LongAdder lost = new LongAdder();
        // the zero points of 32 rows fill words of their own
        workers.forEach(layout.rows() / WordFields.UNIT, task -> {
            for (int row = task * WordFields.UNIT; row < (task + 1) * WordFields.UNIT; row++) {
                byte[] codes = matrix.codes(row);
                byte[] own = Arrays.copyOfRange(zeros, row * layout.groups(), (row + 1) * layout.groups());
                if (version.subtracted() > 0) {
                    lost.add(raise(codes, own, tensors.groupIndex, layout.bits()));
                }
                tensors.put(layout, row, codes, own, version);
                for (int g = 0; g < layout.groups(); g++) {
                    tensors.scales[g * layout.rows() + row] = Float.floatToFloat16(scales[row * layout.groups() + g]);
                }
            }
        });
        if (lost.sum() > 0) {
            throw InvalidRequestException.impossible(layer + ": " + lost.sum() + " of " + zeros.length
                    + " groups have the zero point 0 and the largest code, which readers of checkpoint_format "
                    + version.checkpointFormat() + " cannot have together; export --to gptq-v2");
        }
        return tensors;
    }

    /** Makes zero points of 0 to 1 where no code is the largest; returns for how many groups it is. */
    private static int raise(byte[] codes, byte[] zeros, int[] groupOf, int bits) {
        int largest = (1 << bits) - 1;
        boolean[] full = new boolean[zeros.length];
        for (int j = 0; j < codes.length; j++) {
            full[groupOf[j]] |= (codes[j] & 0xff) == largest;
        }
        for (int j = 0; j < codes.length; j++) {
            if (zeros[groupOf[j]] == 0 && !full[groupOf[j]]) {
                codes[j]++;
            }
        }
        int lost = 0;
        for (int g = 0; g < zeros.length; g++) {
            if (zeros[g] == 0) {
                lost += full[g] ? 1 : 0;
                zeros[g] = 1;
            }
        }
        return lost;
    }

    private void put(GptqLayout layout, int row, byte[] codes, byte[] zeros, GptqVersion version) {
        int bits = layout.bits();
        for (int j = 0; j < codes.length; j++) {
            WordFields.put(qweight, row, layout.rows(), j, bits, codes[j] & 0xff);
        }
        for (int g = 0; g < zeros.length; g++) {
            int field = (zeros[g] & 0xff) - version.subtracted();
            WordFields.put(qzeros, g * layout.zeroWords(), 1, row, bits, field);
        }
    }

    /** The bytes of {@link GptqLayout#tensors}, in their order. */
    public List<MemorySegment> bytes() {
        return List.of(
                MemorySegment.ofArray(qweight),
                MemorySegment.ofArray(qzeros),
                MemorySegment.ofArray(groupIndex),
                MemorySegment.ofArray(scales));
    }
}
