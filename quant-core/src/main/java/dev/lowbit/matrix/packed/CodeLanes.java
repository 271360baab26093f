package dev.lowbit.matrix.packed;

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
 * Codes of up to 4 bits, one per lane, and what they stand for where that fits two vector registers. Eight codes of b bits are b whole bytes, so a
 * step loads a 32-bit word at the byte that holds its first code, copies it to all lanes, shifts each lane to its own code and looks the value up
 * by permuting a register. Codes may start at any bit from which eight of them fit the word ({@link PackedCodes#isAligned}).
 */
public final class CodeLanes {
    /** Codes that share a 32-bit word. */
    public static final int WORD_CODES = 8;

    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final VectorSpecies<Integer> I = VectorSpecies.of(int.class, F.vectorShape());
    private static final int WIDTH = F.length();
    private static final int MAX_BITS = 4;

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

    private CodeLanes() {}

    /** Whether codes of this width are looked up here. Four lanes would need four registers for 4 bits, which gains nothing. */
    public static boolean holds(int bits) {
        return bits <= MAX_BITS && 1 << bits <= 2 * WIDTH;
    }

    /** What {@link #codes} shifts by, for codes that start at this bit. */
    public static IntVector shifts(int bits, int bitOffset) {
        return SHIFTS[bits].add(bitOffset % Byte.SIZE);
    }

    /** The word at a byte in all lanes; where there are more than eight, in the upper half the next eight codes' word. */
    public static IntVector words(byte[] packed, int at, int bits) {
        IntVector words = IntVector.broadcast(I, (int) WORD.get(packed, at));
        if (WIDTH > WORD_CODES) {
            words = words.blend(IntVector.broadcast(I, (int) WORD.get(packed, at + bits)), SECOND);
        }
        return words;
    }

    /**
     * Codes {@code i} to {@code i + WIDTH - 1}, one per lane, with foreign bits above them. Words start at every eighth code, so four lanes
     * may begin in the middle of one; the shifts also drop the bits before the first code.
     */
    public static IntVector codes(byte[] packed, int bitOffset, int i, int bits, IntVector shifts) {
        IntVector words = words(packed, (bitOffset + (i & -WORD_CODES) * bits) / Byte.SIZE, bits);
        IntVector own = WIDTH < WORD_CODES ? shifts.add((i & (WORD_CODES - 1)) * bits) : shifts;
        return words.lanewise(VectorOperators.LSHR, own);
    }

    /**
     * The values of codes: the index wraps at the register's length; with two registers the next bit says which.
     *
     * @param low the first values
     * @param high the last ones
     * @param two whether both are needed
     */
    public static FloatVector value(IntVector index, IntVector low, IntVector high, boolean two) {
        if (!two) {
            return index.selectFrom(low).reinterpretAsFloats();
        }
        // EQ is one instruction on registers of 256 bits, NE two
        VectorMask<Integer> lower = index.and(WIDTH).compare(VectorOperators.EQ, 0);
        return index.selectFrom(high).blend(index.selectFrom(low), lower).reinterpretAsFloats();
    }
}
