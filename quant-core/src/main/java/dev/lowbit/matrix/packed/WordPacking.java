package dev.lowbit.matrix.packed;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Eight codes at a time, in one 64-bit word. */
final class WordPacking implements Packing {
    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private static final ScalarPacking SCALAR = new ScalarPacking();

    @Override
    public void pack(byte[] codes, int offset, int count, int bits, byte[] out, int outOffset) {
        long mask = eightCodes(bits);
        int whole = 0;
        int to = outOffset;
        // The last words are left to the scalar form, because a whole word is written where only its first bits count.
        for (; whole + 2 * Long.BYTES <= count; whole += Byte.SIZE) {
            long word = Long.compress((long) WORD.get(codes, offset + whole), mask);
            if (to + Long.BYTES > out.length) {
                break;
            }
            WORD.set(out, to, word);
            to += bits;
        }
        SCALAR.pack(codes, offset + whole, count - whole, bits, out, to);
    }

    @Override
    public void unpack(byte[] packed, int bitOffset, int count, int bits, byte[] codes, int offset) {
        if (bits == Byte.SIZE && bitOffset % Byte.SIZE == 0) {
            System.arraycopy(packed, bitOffset / Byte.SIZE, codes, offset, count);
            return;
        }
        long mask = eightCodes(bits);
        int shift = bitOffset % Byte.SIZE;
        int i = 0;
        for (; i + Byte.SIZE <= count && bits * Byte.SIZE + shift <= Long.SIZE; i += Byte.SIZE) {
            long word = (long) WORD.get(packed, (bitOffset + i * bits) >>> 3) >>> shift;
            WORD.set(codes, offset + i, Long.expand(word, mask));
        }
        SCALAR.unpack(packed, bitOffset + i * bits, count - i, bits, codes, offset + i);
    }

    /** The low {@code bits} bits of each byte. */
    private static long eightCodes(int bits) {
        return 0x0101010101010101L * ((1 << bits) - 1);
    }
}
