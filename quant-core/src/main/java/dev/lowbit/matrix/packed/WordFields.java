package dev.lowbit.matrix.packed;

/**
 * Values of b bits that follow each other in the bits of 32-bit words, lowest first, so that 32 values fill b words: how exchanged GPTQ
 * layers hold codes and zero points. For b = 3 the values 10 and 21 of each 32 cross a word's end.
 */
public final class WordFields {
    /** Values that fill whole words, whatever their bits. */
    public static final int UNIT = Integer.SIZE;

    private WordFields() {}

    /**
     * Writes value number {@code index} of the words at first, first + stride ...
     *
     * @param words modified; zero where nothing was written yet
     * @param value 0 to 2^bits - 1
     */
    public static void put(int[] words, int first, int stride, int index, int bits, int value) {
        long bit = (long) index * bits;
        int word = first + (int) (bit / UNIT) * stride;
        int shift = (int) (bit % UNIT);
        words[word] |= value << shift;
        if (shift + bits > UNIT) {
            words[word + stride] |= value >>> UNIT - shift;
        }
    }

    /** The inverse of {@link #put}. */
    public static int get(int[] words, int first, int stride, int index, int bits) {
        long bit = (long) index * bits;
        int word = first + (int) (bit / UNIT) * stride;
        int shift = (int) (bit % UNIT);
        int value = words[word] >>> shift;
        if (shift + bits > UNIT) {
            value |= words[word + stride] << UNIT - shift;
        }
        return value & (1 << bits) - 1;
    }
}
