package dev.lowbit.matrix.sketch;

import dev.lowbit.error.InvalidRequestException;

/**
 * The codes of released sketches: two in a byte, the even column's in the high nibble, whatever their bits; the bytes of a row's groups follow one
 * another, rows x groups x columns / groups / 2.
 */
public final class NibbleLayout {
    private static final int NIBBLE = 4;
    private static final int MASK = (1 << NIBBLE) - 1;

    private NibbleLayout() {}

    /**
     * Two codes in a byte.
     *
     * @param codes of all groups one after another, each below 16; not modified
     * @param groupColumns columns of a group
     * @throws InvalidRequestException (impossible) when a group has an odd number of columns
     */
    public static byte[] pack(byte[] codes, int groupColumns) {
        requireEven(groupColumns);
        byte[] packed = new byte[codes.length / 2];
        for (int i = 0; i < packed.length; i++) {
            packed[i] = (byte) (codes[2 * i] << NIBBLE | codes[2 * i + 1]);
        }
        return packed;
    }

    /**
     * The inverse of {@link #pack}.
     *
     * @param packed not modified
     * @param bits of a code
     * @throws InvalidRequestException (impossible) when a group has an odd number of columns, (usage) when a code has more bits
     */
    public static byte[] unpack(byte[] packed, int groupColumns, int bits) {
        requireEven(groupColumns);
        byte[] codes = new byte[Math.multiplyExact(packed.length, 2)];
        for (int i = 0; i < codes.length; i++) {
            int code = packed[i / 2] >>> (i % 2 == 0 ? NIBBLE : 0) & MASK;
            if (code >= 1 << bits) {
                throw InvalidRequestException.usage("code " + code + " at index " + i + " of a sketch; codes of " + bits
                        + " bits are 0 to " + ((1 << bits) - 1));
            }
            codes[i] = (byte) code;
        }
        return codes;
    }

    private static void requireEven(int groupColumns) {
        if (groupColumns % 2 != 0) {
            throw InvalidRequestException.impossible("groups of " + groupColumns
                    + " columns do not fill bytes with two codes each; take groups of an even number of columns");
        }
    }
}
