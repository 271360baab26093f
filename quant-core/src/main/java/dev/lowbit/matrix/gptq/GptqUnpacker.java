package dev.lowbit.matrix.gptq;

import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.Packing;
import dev.lowbit.matrix.packed.WordFields;
import dev.lowbit.matrix.scale.EncodedScales;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.concurrent.atomic.LongAdder;

/**
 * Reads a matrix from the exchange layout: the values that readers compute, bit for bit. A zero point of 2^b, which readers of z - 1 make of the
 * field 2^b - 1, is not among ours; where no code of its group is 0, both become smaller by 1.
 */
public final class GptqUnpacker {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final String layer;
    private final GptqLayout layout;
    private final int[] zeros;
    private final float[] scales;
    private final int[] groupIndex;

    /**
     * Reads all but the codes.
     *
     * @param layer for messages
     * @param qzeros bytes of the shape that the layout says, like the others; not modified
     * @throws MalformedPartException when a scale is negative or no number, or an input in a group that is not there
     */
    public GptqUnpacker(
            String layer,
            GptqLayout layout,
            GptqVersion version,
            MemorySegment qzeros,
            MemorySegment scales,
            MemorySegment groupIndex) {
        this.layer = layer;
        this.layout = layout;
        this.zeros = zeros(layout, version, qzeros.toArray(INT));
        this.scales = scales(layout, scales.toArray(SHORT));
        this.groupIndex = groupIndex.toArray(INT);
        for (int j = 0; j < this.groupIndex.length; j++) {
            if (this.groupIndex[j] < 0 || this.groupIndex[j] >= layout.groups()) {
                throw new MalformedPartException(
                        GptqLayout.GROUP_INDEX,
                        "holds " + this.groupIndex[j] + " at index " + j + "; there are the groups 0 to "
                                + (layout.groups() - 1));
            }
        }
    }

    /** Row-major, rows x groups, 0 to 2^b. */
    private static int[] zeros(GptqLayout layout, GptqVersion version, int[] words) {
        int[] zeros = new int[Math.multiplyExact(layout.rows(), layout.groups())];
        for (int i = 0; i < layout.rows(); i++) {
            for (int g = 0; g < layout.groups(); g++) {
                zeros[i * layout.groups() + g] =
                        version.subtracted() + WordFields.get(words, g * layout.zeroWords(), 1, i, layout.bits());
            }
        }
        return zeros;
    }

    private static float[] scales(GptqLayout layout, short[] halves) {
        float[] scales = new float[halves.length];
        for (int i = 0; i < layout.rows(); i++) {
            for (int g = 0; g < layout.groups(); g++) {
                float scale = Float.float16ToFloat(halves[g * layout.rows() + i]);
                if (!(scale >= 0 && scale <= Float.MAX_VALUE)) {
                    throw new MalformedPartException(
                            GptqLayout.SCALES,
                            "holds " + scale + " for output " + i + ", group " + g
                                    + "; a scale is finite and not negative");
                }
                scales[i * layout.groups() + g] = scale;
            }
        }
        return scales;
    }

    /** Whether every zero point is 2^(b - 1), so that none needs to be stored. */
    public boolean isSymmetric() {
        return Arrays.stream(zeros).allMatch(zero -> zero == 1 << layout.bits() - 1);
    }

    /** Whether a zero point is 2^b, so that {@link #unpack} may refuse. */
    public boolean hasZeroBeyondOurs() {
        return Arrays.stream(zeros).anyMatch(zero -> zero == 1 << layout.bits());
    }

    /** Whether the groups are other than runs of neighbouring columns. */
    public boolean isIndexed() {
        for (int j = 0; j < groupIndex.length; j++) {
            if (groupIndex[j] != j / layout.groupColumns()) {
                return true;
            }
        }
        return false;
    }

    /**
     * The whole matrix, in the format {@link GptqLayout#format} of {@code symmetric} and {@link #isIndexed()}.
     *
     * @param qweight not modified
     * @param symmetric only when {@link #isSymmetric()}
     * @throws UnsupportedModelException when a group has the zero point 2^b and a code 0
     */
    public AffineMatrix unpack(MemorySegment qweight, boolean symmetric, Workers workers) {
        int columns = layout.columns();
        int bits = layout.bits();
        int[] words = qweight.toArray(INT);
        AffineFormat format = layout.format(symmetric, isIndexed());
        MemorySegment packed = PackedCodes.allocate((long) layout.rows() * columns, bits);
        byte[] stored = new byte[zeros.length];
        LongAdder lost = new LongAdder();
        // columns come in multiples of 32, so that every row fills whole bytes
        workers.forEach(layout.rows(), row -> {
            byte[] codes = new byte[columns];
            for (int j = 0; j < columns; j++) {
                codes[j] = (byte) WordFields.get(words, row, layout.rows(), j, bits);
            }
            int[] own = Arrays.copyOfRange(zeros, row * layout.groups(), (row + 1) * layout.groups());
            lost.add(lower(codes, own));
            for (int g = 0; g < own.length; g++) {
                stored[row * own.length + g] = (byte) own[g];
            }
            byte[] bytes = new byte[columns / Byte.SIZE * bits];
            Packing.get().pack(codes, 0, columns, bits, bytes, 0);
            MemorySegment.copy(bytes, 0, packed, ValueLayout.JAVA_BYTE, (long) row * bytes.length, bytes.length);
        });
        if (lost.sum() > 0) {
            throw new UnsupportedModelException(layer + ": " + lost.sum() + " of " + zeros.length
                    + " groups have the zero point " + (1 << bits) + " and the code 0; " + format.id()
                    + " has zero points of 0 to " + format.largestCode() + " only");
        }
        return AffineMatrix.of(
                layout.rows(),
                columns,
                format,
                packed,
                EncodedScales.encode(scales, format.scales()).orElseThrow(),
                symmetric ? new byte[0] : stored,
                format.indexed() ? groupIndex : new int[0]);
    }

    /** Makes zero points of 2^b to 2^b - 1 where no code is 0; returns for how many groups one is. */
    private int lower(byte[] codes, int[] own) {
        int beyond = 1 << layout.bits();
        boolean[] empty = new boolean[own.length];
        for (int j = 0; j < codes.length; j++) {
            empty[groupIndex[j]] |= codes[j] == 0;
        }
        for (int j = 0; j < codes.length; j++) {
            if (own[groupIndex[j]] == beyond && !empty[groupIndex[j]]) {
                codes[j]--;
            }
        }
        int lost = 0;
        for (int g = 0; g < own.length; g++) {
            if (own[g] == beyond) {
                lost += empty[g] ? 1 : 0;
                own[g] = beyond - 1;
            }
        }
        return lost;
    }
}
