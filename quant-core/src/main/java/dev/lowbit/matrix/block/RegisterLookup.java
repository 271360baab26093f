package dev.lowbit.matrix.block;

import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.packed.PackedCodes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
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
 * 32-bit word at the byte that holds its first code, copies it to all lanes, shifts each lane to its own code and looks the value up by
 * permuting a register. A piece may start at any bit from which eight codes fit the word.
 */
final class RegisterLookup {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();
    private static final int MAX_BITS = 4;

    /** Codes that share a 32-bit word. */
    private static final int WORD_CODES = 8;

    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

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

    /** Whether every block of a piece starts a whole number of words after the first, as {@link #dequantize} and {@link #dot} need. */
    static boolean keepsAlignment(int groupSize, int length) {
        return groupSize % WORD_CODES == 0 || groupSize >= length;
    }

    /** {@link BlockKernels#dequantize}. */
    static void dequantize(
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
        IntVector shifts = SHIFTS[bits].add(bitOffset % Byte.SIZE);
        IntVector low = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        IntVector high =
                FloatVector.fromArray(F, table.cyclic, CodeTable.CYCLE - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        int block = scalesOffset;
        for (int start = 0; start < length; start += groupSize) {
            float scale = scales[block++];
            FloatVector factor = FloatVector.broadcast(F, scale);
            int end = Math.min(length, start + groupSize);
            int i = start;
            for (; i + WIDTH <= end; i += WIDTH) {
                IntVector index = codes(packed, bitOffset, i, bits, shifts);
                value(index, low, high, two)
                        .mul(factor)
                        .intoMemorySegment(out, (outIndex + i) * Float.BYTES, ByteOrder.nativeOrder());
            }
            for (; i < end; i++) {
                int code = PackedCodes.codeAt(packed, bitOffset + i * bits, bits);
                out.setAtIndex(ValueLayout.JAVA_FLOAT, outIndex + i, table.values[code] * scale);
            }
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
            dotOfLanes(packed, bitOffset, length, groupSize, scales, scalesOffset, table, x, xOffset, lanes, part);
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
        IntVector shifts = SHIFTS[bits].add(bitOffset % Byte.SIZE);
        IntVector low = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        IntVector high =
                FloatVector.fromArray(F, table.cyclic, CodeTable.CYCLE - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        FloatVector total = FloatVector.fromArray(F, lanes, lane);
        int block = scalesOffset;
        for (int start = 0; start < length; start += groupSize) {
            FloatVector sum = FloatVector.zero(F);
            for (int i = start + lane; i < start + groupSize; i += BlockKernels.LANES) {
                IntVector index = codes(packed, bitOffset, i, bits, shifts);
                sum = value(index, low, high, two).fma(FloatVector.fromArray(F, x, xOffset + i), sum);
            }
            total = sum.fma(FloatVector.broadcast(F, scales[block++]), total);
        }
        total.intoArray(lanes, lane);
    }

    /**
     * Codes {@code i} to {@code i + WIDTH - 1}, one per lane, with foreign bits above them. Words start at every eighth code, so four lanes
     * may begin in the middle of one; the shifts also drop the bits before the first code.
     */
    private static IntVector codes(byte[] packed, int bitOffset, int i, int bits, IntVector shifts) {
        int at = (bitOffset + (i & -WORD_CODES) * bits) / Byte.SIZE;
        IntVector words = IntVector.broadcast(I, (int) WORD.get(packed, at));
        if (WIDTH > WORD_CODES) {
            words = words.blend(IntVector.broadcast(I, (int) WORD.get(packed, at + bits)), SECOND);
        }
        IntVector own = WIDTH < WORD_CODES ? shifts.add((i & (WORD_CODES - 1)) * bits) : shifts;
        return words.lanewise(VectorOperators.LSHR, own);
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
