package dev.lowbit.matrix.packed;

import dev.lowbit.kernel.KernelLookup;

/** The verbs of little-endian bit streams of codes. Every implementation gives the same bits. */
public interface Packing {
    /** Bytes that must be readable behind the last packed byte. */
    int SLACK = 16;

    /** The kernels of this process. */
    static Packing get() {
        return Holder.PACKING;
    }

    /**
     * Appends {@code count} codes of {@code bits} bits to a little-endian bit stream that starts at a whole byte; the last byte is
     * filled with zero bits.
     *
     * @param out modified
     */
    void pack(byte[] codes, int offset, int count, int bits, byte[] out, int outOffset);

    /**
     * The inverse of {@link #pack}, from any bit on.
     *
     * @param packed readable for {@link #SLACK} bytes behind the last code
     * @param codes modified
     */
    void unpack(byte[] packed, int bitOffset, int count, int bits, byte[] codes, int offset);

    /** Delays the choice until the first use. */
    final class Holder {
        private static final Packing PACKING = KernelLookup.choose(ScalarPacking::new, () -> new WordPacking());

        private Holder() {}
    }
}
