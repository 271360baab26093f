package dev.lowbit.matrix.packed;

import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The canonical bytes of codes: one bit stream over all of them, each code least significant bit first, no padding but in the last byte. */
public final class PackedCodes {
    private static final int PACK_STEP = 1 << 16;

    private PackedCodes() {}

    /** Bytes of a bit stream of {@code count} codes. */
    public static long bytes(long count, int bits) {
        return Math.ceilDiv(Math.multiplyExact(count, (long) bits), (long) Byte.SIZE);
    }

    /** The code of {@code bits} bits that starts at a bit of the stream. */
    public static int codeAt(byte[] packed, long bit, int bits) {
        int at = (int) (bit >>> 3);
        int pair = (packed[at] & 0xff) | (at + 1 < packed.length ? (packed[at + 1] & 0xff) << Byte.SIZE : 0);
        return (pair >>> (bit & 7)) & ((1 << bits) - 1);
    }

    /** {@link #codeAt(byte[], long, int)} of a stream of any length. */
    public static int codeAt(MemorySegment packed, long bit, int bits) {
        byte[] pair = new byte[2];
        int available = (int) Math.min(pair.length, packed.byteSize() - bit / Byte.SIZE);
        MemorySegment.copy(packed, ValueLayout.JAVA_BYTE, bit / Byte.SIZE, pair, 0, available);
        return codeAt(pair, bit % Byte.SIZE, bits);
    }

    /** Whether eight codes of up to 4 bits that start here lie in the first 32 bits from their first byte on. */
    public static boolean isAligned(int bitOffset, int bits) {
        return bits > 4 || bitOffset % Byte.SIZE + bits * Byte.SIZE <= Integer.SIZE;
    }

    /**
     * Copies the bytes that hold some codes to an array, which kernels may read beyond its end.
     *
     * @param packed the stream
     * @param first number of the first code
     * @param count at least 1
     * @param out room for the bytes, one more, and {@link Packing#SLACK}; modified
     * @return the bit of {@code out} where the first code starts, below 8 and {@link #isAligned}
     */
    public static int load(MemorySegment packed, long first, int count, int bits, byte[] out) {
        long firstBit = first * bits;
        long lastByte = (firstBit + (long) count * bits - 1) / Byte.SIZE;
        int bytes = (int) (lastByte - firstBit / Byte.SIZE + 1);
        MemorySegment.copy(packed, ValueLayout.JAVA_BYTE, firstBit / Byte.SIZE, out, 0, bytes);
        int bitOffset = (int) (firstBit % Byte.SIZE);
        if (isAligned(bitOffset, bits)) {
            return bitOffset;
        }
        for (int i = 0; i < bytes; i++) {
            int pair = (out[i] & 0xff) | (i + 1 < bytes ? (out[i + 1] & 0xff) << Byte.SIZE : 0);
            out[i] = (byte) (pair >>> bitOffset);
        }
        return 0;
    }

    /** Zeroed memory for {@code count} codes, freed by the garbage collector: an array where one is large enough. */
    public static MemorySegment allocate(long count, int bits) {
        long size = bytes(count, bits);
        return size <= Shape.LARGEST_ARRAY
                ? MemorySegment.ofArray(new byte[(int) size])
                : Arena.ofAuto().allocate(size);
    }

    /** Packs one code per byte. */
    public static MemorySegment pack(byte[] codes, int bits) {
        MemorySegment packed = allocate(codes.length, bits);
        byte[] buffer = new byte[PACK_STEP / Byte.SIZE * bits];
        for (int from = 0; from < codes.length; from += PACK_STEP) {
            int count = Math.min(PACK_STEP, codes.length - from);
            Packing.get().pack(codes, from, count, bits, buffer, 0);
            MemorySegment.copy(
                    buffer, 0, packed, ValueLayout.JAVA_BYTE, (long) from / Byte.SIZE * bits, (int) bytes(count, bits));
        }
        return packed;
    }

    /** The inverse of {@link #pack}. */
    public static byte[] unpack(MemorySegment packed, int count, int bits) {
        byte[] codes = new byte[count];
        byte[] bytes = new byte[PACK_STEP / Byte.SIZE * bits + Packing.SLACK];
        for (int from = 0; from < count; from += PACK_STEP) {
            int some = Math.min(PACK_STEP, count - from);
            MemorySegment.copy(
                    packed, ValueLayout.JAVA_BYTE, (long) from / Byte.SIZE * bits, bytes, 0, (int) bytes(some, bits));
            Packing.get().unpack(bytes, 0, some, bits, codes, from);
        }
        return codes;
    }

    /**
     * Unpacks some codes of a stream, one in a byte.
     *
     * @param first number of the first code
     * @param out {@code count} codes from index 0 on; modified
     */
    public static void unpack(MemorySegment packed, long first, int count, int bits, byte[] out) {
        long firstBit = first * bits;
        int bytes = (int) ((firstBit % Byte.SIZE + (long) count * bits + Byte.SIZE - 1) / Byte.SIZE);
        byte[] some = new byte[bytes + Packing.SLACK];
        MemorySegment.copy(packed, ValueLayout.JAVA_BYTE, firstBit / Byte.SIZE, some, 0, bytes);
        Packing.get().unpack(some, (int) (firstBit % Byte.SIZE), count, bits, out, 0);
    }

    /**
     * Refuses a part whose last byte is not filled with zeros.
     *
     * @throws MalformedPartException naming it
     */
    public static void requirePadding(Part part, long count, int bits) {
        if (!isPaddedWithZeros(part.bytes(), count, bits)) {
            throw new MalformedPartException(
                    part.name(), "has bits set behind its last code; canonical bytes end in zeros");
        }
    }

    /** Whether the bits behind the last code are zero, as canonical bytes have them. */
    public static boolean isPaddedWithZeros(MemorySegment packed, long count, int bits) {
        int used = (int) (count * bits % Byte.SIZE);
        return used == 0 || (packed.get(ValueLayout.JAVA_BYTE, packed.byteSize() - 1) & 0xff) >>> used == 0;
    }
}
