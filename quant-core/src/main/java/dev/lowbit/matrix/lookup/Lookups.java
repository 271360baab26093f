package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.CpuFlags;
import dev.lowbit.kernel.VectorWidth;

/** What a machine can look up, decided once. */
enum Lookups {
    /** 64 bytes in a table of 64 or 128: a whole index at a time. */
    OF_BYTES,
    /** 16 bytes in a table of 16: an index in two halves. */
    OF_HALVES,
    NONE;

    static final Lookups OF_MACHINE = decide();

    /**
     * Whether grids of so many bits are multiplied as integers. Registers that hold no more than a lookup takes look up as quickly, and groups that leave much of a word empty
     * would take more memory.
     */
    static boolean multipliesGrids(int bits, int groupColumns) {
        if (OF_MACHINE != OF_HALVES || VectorWidth.bits() <= 128 || bits == 1) {
            return false;
        }
        int span = IntegerKernels.span(IntegerKernels.wordBits(bits));
        return groupColumns % span == 0 || groupColumns > 4 * span;
    }

    private static Lookups decide() {
        boolean wide = VectorWidth.bits() == 512 && CpuFlags.has("avx512vbmi");
        if (VectorWidth.bits() == 0 || wide) {
            return OF_BYTES; // the scalar reference, where it is forced, has all products
        }
        boolean shuffles =
                CpuFlags.has("ssse3") || System.getProperty("os.arch").equals("aarch64");
        return shuffles ? OF_HALVES : NONE;
    }
}
