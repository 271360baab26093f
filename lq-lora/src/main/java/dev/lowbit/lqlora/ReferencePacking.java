package dev.lowbit.lqlora;

import dev.lowbit.error.InvalidRequestException;

/**
 * The two packings in which the authors of LQ-LoRA publish weight codes and scale codes, for reading and writing their
 * checkpoints. Lowbit's own files use neither.
 *
 * <p><b>Words</b> (32 bit): for 2, 4 and 8 bits 32/b codes per word, the first in the least significant bits. For 3 bits a
 * group of 32 codes becomes three words; word k holds bit k of each code, code i at bit i.
 *
 * <p><b>Stream</b> (bytes, their older form): the bits of each code, most significant first, fill bytes from the least
 * significant bit up; the last byte is padded with zeros.
 */
public final class ReferencePacking {
    private static final int PLANE_GROUP = 32;

    private ReferencePacking() {}

    /**
     * Packs codes into words.
     *
     * @param codes each below 2^bits; a whole number of words (of 32 codes for 3 bits); not modified
     * @param bits 2, 3, 4 or 8
     */
    public static int[] packWords(byte[] codes, int bits) {
        requireKnown(bits);
        requireCodes(codes, bits);
        int unit = bits == 3 ? PLANE_GROUP : Integer.SIZE / bits;
        if (codes.length % unit != 0) {
            throw InvalidRequestException.usage(codes.length + " codes of " + bits
                    + " bits do not fill whole words; the word packing needs a multiple of " + unit);
        }
        int[] words = new int[codes.length / unit * (bits == 3 ? 3 : 1)];
        for (int i = 0; i < codes.length; i++) {
            int code = codes[i] & 0xff;
            if (bits == 3) {
                int group = i / PLANE_GROUP * 3;
                int shift = i % PLANE_GROUP;
                words[group] |= (code & 1) << shift;
                words[group + 1] |= (code >> 1 & 1) << shift;
                words[group + 2] |= (code >> 2 & 1) << shift;
            } else {
                words[i / unit] |= code << (i % unit * bits);
            }
        }
        return words;
    }

    /**
     * The codes in packed words, all of them.
     *
     * @param words not modified; a multiple of 3 for 3 bits
     * @param bits 2, 3, 4 or 8
     */
    public static byte[] unpackWords(int[] words, int bits) {
        requireKnown(bits);
        if (bits == 3 && words.length % 3 != 0) {
            throw InvalidRequestException.usage(
                    words.length + " words do not hold whole groups of 3-bit codes; the packing needs a multiple of 3");
        }
        int unit = bits == 3 ? PLANE_GROUP : Integer.SIZE / bits;
        byte[] codes = new byte[Math.multiplyExact(bits == 3 ? words.length / 3 : words.length, unit)];
        for (int i = 0; i < codes.length; i++) {
            if (bits == 3) {
                int group = i / PLANE_GROUP * 3;
                int shift = i % PLANE_GROUP;
                codes[i] = (byte) (words[group] >>> shift & 1
                        | (words[group + 1] >>> shift & 1) << 1
                        | (words[group + 2] >>> shift & 1) << 2);
            } else {
                codes[i] = (byte) (words[i / unit] >>> (i % unit * bits) & (1 << bits) - 1);
            }
        }
        return codes;
    }

    /**
     * Packs codes into the byte stream.
     *
     * @param codes each below 2^bits; not modified
     * @param bits 1 to 8
     */
    public static byte[] packStream(byte[] codes, int bits) {
        requireStreamBits(bits);
        requireCodes(codes, bits);
        byte[] stream = new byte[streamBytes(codes.length, bits)];
        for (int i = 0; i < codes.length; i++) {
            for (int k = 0; k < bits; k++) {
                long position = (long) i * bits + k;
                int bit = (codes[i] & 0xff) >> (bits - 1 - k) & 1;
                stream[(int) (position >> 3)] |= (byte) (bit << (position & 7));
            }
        }
        return stream;
    }

    /**
     * The first {@code count} codes of a byte stream.
     *
     * @param stream exactly as many bytes as the codes need; not modified
     * @param bits 1 to 8
     */
    public static byte[] unpackStream(byte[] stream, int bits, int count) {
        requireStreamBits(bits);
        if (count < 0 || stream.length != streamBytes(count, bits)) {
            throw InvalidRequestException.usage("a stream of " + stream.length + " bytes does not hold exactly " + count
                    + " codes of " + bits + " bits");
        }
        byte[] codes = new byte[count];
        for (int i = 0; i < count; i++) {
            int code = 0;
            for (int k = 0; k < bits; k++) {
                long position = (long) i * bits + k;
                code = code << 1 | stream[(int) (position >> 3)] >> (position & 7) & 1;
            }
            codes[i] = (byte) code;
        }
        return codes;
    }

    private static int streamBytes(int count, int bits) {
        return Math.toIntExact(((long) count * bits + 7) / 8);
    }

    private static void requireKnown(int bits) {
        if (bits != 2 && bits != 3 && bits != 4 && bits != 8) {
            throw InvalidRequestException.usage("the word packing knows codes of 2, 3, 4 and 8 bits, not " + bits);
        }
    }

    private static void requireStreamBits(int bits) {
        if (bits < 1 || bits > 8) {
            throw InvalidRequestException.usage("the stream packing knows codes of 1 to 8 bits, not " + bits);
        }
    }

    private static void requireCodes(byte[] codes, int bits) {
        for (int i = 0; i < codes.length; i++) {
            if ((codes[i] & 0xff) >> bits != 0) {
                throw InvalidRequestException.usage(
                        "code " + (codes[i] & 0xff) + " at position " + i + " does not fit in " + bits + " bits");
            }
        }
    }
}
