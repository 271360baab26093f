package dev.lowbit.compeft;

/** How signs are stored. The order is that of the file format. */
public enum TernaryCode {
    /** Masks P and N: 2 d bits. */
    TWO_MASKS(new TwoMaskCoder()),

    /** The mask P | N and a sign for each of its bits: d + n bits. */
    MASK_AND_SIGNS(new MaskAndSignCoder()),

    /** Rice codes of the gaps, with an index of blocks: near the entropy. */
    RICE(new RiceCoder());

    private final PieceCoder coder;

    TernaryCode(PieceCoder coder) {
        this.coder = coder;
    }

    PieceCoder coder() {
        return coder;
    }
}
