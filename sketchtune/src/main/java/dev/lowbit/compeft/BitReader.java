package dev.lowbit.compeft;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Bits out of bytes, the most significant first. Beyond the end it reads zeros; who uses it compares the position with the end. */
final class BitReader {
    private static final VarHandle BIG_ENDIAN =
            MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
    /** Bits that are valid in a window, whatever the position in its first byte. */
    private static final int WINDOW = 57;

    private final byte[] padded;
    private long position;

    private BitReader(byte[] padded, long position) {
        this.padded = padded;
        this.position = position;
    }

    /** Reads {@code length} bytes of {@code bytes}, which is copied. */
    static BitReader of(byte[] bytes, int length) {
        byte[] padded = new byte[length + Long.BYTES];
        System.arraycopy(bytes, 0, padded, 0, length);
        return new BitReader(padded, 0);
    }

    /** A reader of the same bytes at another position, for another thread. */
    BitReader at(long bit) {
        return new BitReader(padded, bit);
    }

    /** Bits read so far, which may be more than there are. */
    long position() {
        return position;
    }

    /** Counts ones up to the next zero, which is read too; stops with {@code most + 1} when there are more than {@code most}. */
    long ones(long most) {
        long count = 0;
        while (true) {
            int run = Math.min(WINDOW, Long.numberOfLeadingZeros(~window()));
            count += run;
            if (count > most) {
                return most + 1;
            }
            if (run < WINDOW) {
                position += run + 1;
                return count;
            }
            position += run;
        }
    }

    /** The next {@code count} bits as a number, at most 62. */
    long bits(int count) {
        if (count > 32) {
            long high = bits(count - 32);
            return high << 32 | bits(32);
        }
        long bits = count == 0 ? 0 : window() >>> -count;
        position += count;
        return bits;
    }

    private long window() {
        // a position beyond the end reads the zeros behind it again
        int first = (int) Math.min(position >>> 3, padded.length - Long.BYTES);
        return (long) BIG_ENDIAN.get(padded, first) << (position & 7);
    }
}
