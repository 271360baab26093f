package dev.lowbit.matrix.block;

/** How blocks run over the row-major matrix. The packed codes are the same for both; only the scales differ. */
public enum BlockLayout {
    /** Each row starts a new block, so its last block may be short. */
    ROW,
    /** Blocks run over the flattened matrix and may straddle rows, as in the LQ-LoRA reference. */
    FLAT
}
