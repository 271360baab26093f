package dev.lowbit.matrix.block;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.codebook.NormalFloat;
import dev.lowbit.codebook.UniformGrid;

/** Where the values of the codes come from. */
public enum CodebookKind {
    /** NormalFloat: fixed quantiles of a normal distribution, block scale = absmax. */
    NF("nf", NormalFloat.MIN_BITS),
    /** Uniform symmetric grid, block scale = absmax. */
    INT("int", 1),
    /** Values fitted to the matrix and stored with it as F16, block scales searched for the smallest squared error. */
    LC("lc", 1);

    private final String prefix;
    private final int minBits;

    CodebookKind(String prefix, int minBits) {
        this.prefix = prefix;
        this.minBits = minBits;
    }

    /** How an identifier starts. */
    String prefix() {
        return prefix;
    }

    int minBits() {
        return minBits;
    }

    /** Whether the values are a part of each matrix. */
    boolean isStored() {
        return this == LC;
    }

    /** The values that the kind fixes; for {@link #LC} the ones that fitting starts from. */
    Codebook standard(int bits) {
        return switch (this) {
            case NF -> NormalFloat.of(bits);
            case INT -> UniformGrid.of(bits);
            case LC -> bits < NormalFloat.MIN_BITS ? UniformGrid.of(bits) : NormalFloat.of(bits);
        };
    }
}
