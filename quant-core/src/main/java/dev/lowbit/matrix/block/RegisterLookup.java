package dev.lowbit.matrix.block;

import dev.lowbit.kernel.VectorWidth;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/**
 * Decodes codes of up to 4 bits whose values fit two vector registers. Eight codes of b bits are b whole bytes, so a step loads a
 * 64-bit word at the byte that holds its first code, drops the bits before it (the same number for the whole piece), copies the rest to
 * all lanes, shifts each lane to its own code and looks the value up by permuting a register: no alignment is needed.
 */
final class RegisterLookup {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();
    private static final int MAX_BITS = 4;

    /** Codes that share a 32-bit word. */
    private static final int WORD_CODES = 8;

    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    /** The lanes that take their code from the second word. */
    private static final VectorMask<Integer> SECOND =
            IntVector.zero(I).addIndex(1).compare(VectorOperators.GE, WORD_CODES);

    private static final IntVector[] SHIFTS = new IntVector[MAX_BITS + 1];

    static {
        for (int bits = 1; bits <= MAX_BITS; bits++) {
            SHIFTS[bits] = IntVector.zero(I).addIndex(1).and(WORD_CODES - 1).mul(bits);
        }
    }

    private RegisterLookup() {}

    /** Whether codes of this width are looked up here. Four lanes would need four registers for 4 bits, which gains nothing. */
    static boolean holds(int bits) {
        return bits <= MAX_BITS && 1 << bits <= 2 * WIDTH;
    }

    /** value(code) * scale for {@code count} weights; a scale of 1 leaves the values as they are. */
    static void dequantize(
            byte[] packed, int bitOffset, int count, float scale, CodeTable table, float[] out, int outOffset) {
        int bits = table.bits;
        IntVector shifts = SHIFTS[bits];
        FloatVector scales = FloatVector.broadcast(F, scale);
        IntVector low = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        IntVector high =
                FloatVector.fromArray(F, table.cyclic, CodeTable.CYCLE - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        int i = 0;
        for (; i + WIDTH <= count; i += WIDTH) {
            IntVector index = codes(packed, bitOffset + i * bits, bits, shifts);
            value(index, low, high, two).mul(scales).intoArray(out, outOffset + i);
        }
        for (; i < count; i++) {
            int code = ScalarBlockKernels.codeAt(packed, bitOffset + i * bits, bits);
            out[outOffset + i] = table.values[code] * scale;
        }
    }

    /** {@link BlockKernels#dot} for whole blocks of a multiple of 16 weights. */
    static void dot(
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
        int step = BlockKernels.LANES;
        for (int part = 0; part < step; part += WIDTH) {
            dotOfLanes(
                    packed,
                    bitOffset + part * table.bits,
                    length,
                    groupSize,
                    scales,
                    scalesOffset,
                    table,
                    x,
                    xOffset + part,
                    lanes,
                    part);
        }
    }

    private static void dotOfLanes(
            byte[] packed,
            int bitOffset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            float[] x,
            int xOffset,
            float[] lanes,
            int lane) {
        int bits = table.bits;
        IntVector shifts = SHIFTS[bits];
        IntVector low = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        IntVector high =
                FloatVector.fromArray(F, table.cyclic, CodeTable.CYCLE - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        int block = scalesOffset;
        for (int start = 0; start < length; start += groupSize) {
            FloatVector sum = FloatVector.zero(F);
            for (int i = start; i < start + groupSize; i += BlockKernels.LANES) {
                IntVector index = codes(packed, bitOffset + i * bits, bits, shifts);
                sum = value(index, low, high, two).fma(FloatVector.fromArray(F, x, xOffset + i), sum);
            }
            total = sum.fma(FloatVector.broadcast(F, scales[block++]), total);
        }
        total.intoArray(lanes, lane);
    }

    /** A code per lane, with foreign bits above it. */
    private static IntVector codes(byte[] packed, int bit, int bits, IntVector shifts) {
        int shift = bit & (Byte.SIZE - 1);
        int first = (int) ((long) WORD.get(packed, bit >>> 3) >>> shift);
        IntVector words = IntVector.broadcast(I, first);
        if (WIDTH > WORD_CODES) {
            int second = (int) ((long) WORD.get(packed, (bit >>> 3) + bits) >>> shift);
            words = words.blend(IntVector.broadcast(I, second), SECOND);
        }
        return words.lanewise(VectorOperators.LSHR, shifts);
    }

    /** The index wraps at the register's length; with two registers the next bit says which. */
    private static FloatVector value(IntVector index, IntVector low, IntVector high, boolean two) {
        IntVector value = index.selectFrom(low);
        if (two) {
            VectorMask<Integer> upper = index.and(WIDTH).compare(VectorOperators.NE, 0);
            value = value.blend(index.selectFrom(high), upper);
        }
        return value.reinterpretAsFloats();
    }
}
