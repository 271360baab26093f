package dev.lowbit.int2lrec;

/**
 * How many bits a quantized layer with a correction takes.
 *
 * @param outputs m
 * @param inputs n
 * @param bits b of a code
 * @param groupSize columns of a group, at least 1
 * @param scaleBits of a stored scale
 * @param zeroBits of a stored zero
 * @param rank r of the correction
 * @param factorBits of a stored factor entry
 */
public record LayerSize(
        int outputs, int inputs, int bits, int groupSize, int scaleBits, int zeroBits, int rank, int factorBits) {
    /** Checks that there is something to count. */
    public LayerSize {
        if (outputs < 1 || inputs < 1 || bits < 1 || groupSize < 1 || rank < 0) {
            throw new IllegalArgumentException("no size of " + outputs + " x " + inputs + " with " + bits
                    + " bits in groups of " + groupSize + " and rank " + rank);
        }
    }

    /** Bits of the codes, scales and zeros. */
    public long baseBits() {
        long groups = (long) outputs * Math.ceilDiv(inputs, groupSize);
        return (long) outputs * inputs * bits + groups * (scaleBits + zeroBits);
    }

    /** Bits of the factors. */
    public long factorBitsInAll() {
        return (long) factorBits * rank * ((long) outputs + inputs);
    }

    /** Bits per weight, everything counted: b + (scale + zero) / g + 16 r (m + n) / (m n) for half floats. */
    public double bitsPerWeight() {
        return (double) (baseBits() + factorBitsInAll()) / ((double) outputs * inputs);
    }

    /**
     * The size that INT2.1 (arXiv 2306.08162) reports: how many times the bytes of the whole quantized model, embeddings and head
     * included, the model with
     * its adapters takes.
     *
     * @param adapterBytes of all adapters
     * @param modelBytes of the quantized model without them, positive
     */
    public static double paperFactor(long adapterBytes, long modelBytes) {
        if (adapterBytes < 0 || modelBytes < 1) {
            throw new IllegalArgumentException("no factor of " + adapterBytes + " to " + modelBytes + " bytes");
        }
        return 1 + (double) adapterBytes / modelBytes;
    }
}
