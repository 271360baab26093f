package dev.lowbit.tensor;

import java.util.List;

/** The one place where dimensions become sizes. */
public final class Shape {
    /** Longest dimension that is believed: no tensor has more, and products of a few stay far from wrapping unnoticed. */
    public static final long MAX_DIMENSION = 1L << 48;

    /** Numbers in the longest array of Java that every virtual machine can make. */
    public static final int LARGEST_ARRAY = Integer.MAX_VALUE - 8;

    private Shape() {}

    /** Whether a rows x columns matrix of numbers can be one array. */
    public static boolean fitsArray(int rows, int columns) {
        return (long) rows * columns <= LARGEST_ARRAY;
    }

    /**
     * Bits of a dense tensor, whatever the order of its dimensions: 0 when one of them is 0.
     *
     * @throws IllegalArgumentException when a dimension is negative
     * @throws ArithmeticException when a dimension exceeds {@link #MAX_DIMENSION} or the product does not fit 63 bits
     */
    public static long bits(DType type, List<Long> dimensions) {
        boolean empty = false;
        for (long dimension : dimensions) {
            if (dimension < 0) {
                throw new IllegalArgumentException("negative dimension " + dimension);
            }
            if (dimension > MAX_DIMENSION) {
                throw new ArithmeticException("dimension " + dimension + " exceeds 2^48");
            }
            empty |= dimension == 0;
        }
        if (empty) {
            return 0;
        }
        long bits = type.bits();
        for (long dimension : dimensions) {
            bits = Math.multiplyExact(bits, dimension);
        }
        return bits;
    }

    /**
     * Bytes of a dense tensor.
     *
     * @throws IllegalArgumentException when a dimension is negative or the elements do not fill whole bytes
     * @throws ArithmeticException when a dimension exceeds {@link #MAX_DIMENSION} or the product does not fit 63 bits
     */
    public static long bytes(DType type, List<Long> dimensions) {
        long bits = bits(type, dimensions);
        if (bits % 8 != 0) {
            throw new IllegalArgumentException(type + " " + dimensions + " does not fill whole bytes");
        }
        return bits / 8;
    }
}
