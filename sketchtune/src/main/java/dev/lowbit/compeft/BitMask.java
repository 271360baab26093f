package dev.lowbit.compeft;

import dev.lowbit.matrix.MalformedPartException;

/** Bits in bytes, the lowest first: bit i is bit i % 8 of byte i / 8. */
final class BitMask {
    private BitMask() {}

    /** Bytes of so many bits. */
    static int bytes(int bits) {
        return Math.ceilDiv(bits, Byte.SIZE);
    }

    /** Writes the {@code count} low bits of {@code word}, at most 64, as whole bytes from {@code at} on; the others are zero. */
    static void put(byte[] target, int at, long word, int count) {
        for (int i = 0; i < bytes(count); i++) {
            target[at + i] = (byte) (word >>> i * Byte.SIZE);
        }
    }

    /** Reads what {@link #put} wrote. */
    static long get(byte[] source, int at, int count) {
        long word = 0;
        for (int i = 0; i < bytes(count); i++) {
            word |= (source[at + i] & 0xffL) << i * Byte.SIZE;
        }
        return word;
    }

    /** Refuses a bit behind the {@code bits} that {@code mask} has from byte {@code at} on. */
    static void requirePadding(byte[] mask, int at, int bits, String part) {
        int used = bits % Byte.SIZE;
        if (used != 0 && (mask[at + bytes(bits) - 1] & 0xff) >>> used != 0) {
            throw new MalformedPartException(part, "is not padded with zeros");
        }
    }

    static void requireSize(byte[] bytes, int needed, String part) {
        if (bytes.length != needed) {
            throw new MalformedPartException(part, "has " + bytes.length + " bytes, " + needed + " are needed");
        }
    }

    static void requireCount(int found, int expected, String part) {
        if (found != expected) {
            throw new MalformedPartException(part, "has " + found + " non-zeros, " + expected + " were announced");
        }
    }
}
