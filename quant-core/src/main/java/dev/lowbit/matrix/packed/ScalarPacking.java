package dev.lowbit.matrix.packed;

/** The formulas as they stand. */
final class ScalarPacking implements Packing {
    @Override
    public void pack(byte[] codes, int offset, int count, int bits, byte[] out, int outOffset) {
        long buffer = 0;
        int filled = 0;
        int to = outOffset;
        for (int i = 0; i < count; i++) {
            buffer |= (long) (codes[offset + i] & 0xff) << filled;
            filled += bits;
            while (filled >= Byte.SIZE) {
                out[to++] = (byte) buffer;
                buffer >>>= Byte.SIZE;
                filled -= Byte.SIZE;
            }
        }
        if (filled > 0) {
            out[to] = (byte) buffer;
        }
    }

    @Override
    public void unpack(byte[] packed, int bitOffset, int count, int bits, byte[] codes, int offset) {
        for (int i = 0; i < count; i++) {
            codes[offset + i] = (byte) PackedCodes.codeAt(packed, bitOffset + (long) i * bits, bits);
        }
    }
}
