package dev.lowbit.compeft;

/** Bits into bytes, the most significant first. */
final class BitWriter {
    private final byte[] bytes;
    private long position;

    /** Writes into {@code bytes}, which is modified: zeros before, and long enough. */
    BitWriter(byte[] bytes) {
        this.bytes = bytes;
    }

    /** Bits written so far. */
    long position() {
        return position;
    }

    /** Writes {@code count} ones. */
    void ones(long count) {
        long left = count;
        while (left > 0) {
            int part = (int) Math.min(left, 32);
            bits(-1L >>> -part, part);
            left -= part;
        }
    }

    /** Writes the {@code count} low bits of {@code value}, at most 64; the others are zero. */
    void bits(long value, int count) {
        int left = count;
        while (left > 0) {
            int free = 8 - (int) (position & 7);
            int part = Math.min(free, left);
            int chunk = (int) (value >>> left - part) & (1 << part) - 1;
            bytes[(int) (position >>> 3)] |= (byte) (chunk << free - part);
            position += part;
            left -= part;
        }
    }
}
