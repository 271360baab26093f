package dev.lowbit.matrix.block;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The canonical bytes of codes: one bit stream over all of them, each code least significant bit first, no padding but in the last byte. */
final class PackedCodes {
    private static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;
    private static final int PACK_STEP = 1 << 16;

    private PackedCodes() {}

    /** Zeroed memory for {@code count} codes, freed by the garbage collector: an array where one is large enough. */
    static MemorySegment allocate(long count, int bits) {
        long bytes = BlockFormat.packedBytes(count, bits);
        return bytes <= LARGEST_ARRAY
                ? MemorySegment.ofArray(new byte[(int) bytes])
                : Arena.ofAuto().allocate(bytes);
    }

    /** Packs one code per byte. */
    static MemorySegment pack(byte[] codes, int bits) {
        MemorySegment packed = allocate(codes.length, bits);
        byte[] buffer = new byte[PACK_STEP / Byte.SIZE * bits];
        for (int from = 0; from < codes.length; from += PACK_STEP) {
            int count = Math.min(PACK_STEP, codes.length - from);
            BlockKernels.get().pack(codes, from, count, bits, buffer, 0);
            MemorySegment.copy(buffer, 0, packed, ValueLayout.JAVA_BYTE, (long) from / Byte.SIZE * bits, (int)
                    BlockFormat.packedBytes(count, bits));
        }
        return packed;
    }

    /** The inverse of {@link #pack}. */
    static byte[] unpack(MemorySegment packed, int count, int bits) {
        byte[] codes = new byte[count];
        byte[] bytes = new byte[PACK_STEP / Byte.SIZE * bits + BlockKernels.PACKED_SLACK];
        for (int from = 0; from < count; from += PACK_STEP) {
            int some = Math.min(PACK_STEP, count - from);
            MemorySegment.copy(packed, ValueLayout.JAVA_BYTE, (long) from / Byte.SIZE * bits, bytes, 0, (int)
                    BlockFormat.packedBytes(some, bits));
            BlockKernels.get().unpack(bytes, 0, some, bits, codes, from);
        }
        return codes;
    }

    /** Whether the bits behind the last code are zero, as canonical bytes have them. */
    static boolean isPaddedWithZeros(MemorySegment packed, long count, int bits) {
        int used = (int) (count * bits % Byte.SIZE);
        return used == 0 || (packed.get(ValueLayout.JAVA_BYTE, packed.byteSize() - 1) & 0xff) >>> used == 0;
    }
}
