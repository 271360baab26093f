package dev.lowbit.matrix.packed;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** The canonical bytes of {@link PackedCodes} for codes of 1 to 16 bits, which do not all fit a byte. */
public final class WideCodes {
    /** Bytes that must be readable behind the last packed byte. */
    public static final int SLACK = Integer.BYTES;

    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

    private WideCodes() {}

    /**
     * The bit stream of all codes.
     *
     * @param codes each 0 to 2^bits - 1; not modified
     */
    public static MemorySegment pack(int[] codes, int bits) {
        MemorySegment packed = PackedCodes.allocate(codes.length, bits);
        long to = 0;
        int buffer = 0;
        int filled = 0;
        for (int code : codes) {
            buffer |= code << filled;
            filled += bits;
            while (filled >= Byte.SIZE) {
                packed.set(ValueLayout.JAVA_BYTE, to++, (byte) buffer);
                buffer >>>= Byte.SIZE;
                filled -= Byte.SIZE;
            }
        }
        if (filled > 0) {
            packed.set(ValueLayout.JAVA_BYTE, to, (byte) buffer);
        }
        return packed;
    }

    /**
     * Some codes of a bit stream.
     *
     * @param first index of the first code
     * @param bytes room for the bytes that hold them and {@link #SLACK} more; modified
     * @param codes from {@code offset} on; modified
     */
    public static void unpack(
            MemorySegment packed, long first, int count, int bits, byte[] bytes, char[] codes, int offset) {
        if (count == 0) {
            return;
        }
        long firstBit = first * bits;
        long lastByte = (firstBit + (long) count * bits - 1) / Byte.SIZE;
        long firstByte = firstBit / Byte.SIZE;
        MemorySegment.copy(packed, ValueLayout.JAVA_BYTE, firstByte, bytes, 0, (int) (lastByte - firstByte + 1));
        if (bits == Byte.SIZE) {
            for (int i = 0; i < count; i++) {
                codes[offset + i] = (char) (bytes[i] & 0xff);
            }
            return;
        }
        int mask = (1 << bits) - 1;
        long bit = firstBit % Byte.SIZE;
        for (int i = 0; i < count; i++, bit += bits) {
            codes[offset + i] = (char) ((int) WORD.get(bytes, (int) (bit >>> 3)) >>> (bit & 7) & mask);
        }
    }

    /** An array for {@link #unpack} of at most so many codes. */
    public static byte[] buffer(int count, int bits) {
        // one byte more, because the first code may start inside a byte
        return new byte[Math.toIntExact(PackedCodes.bytes(count, bits) + 1 + SLACK)];
    }
}
