package dev.lowbit.pvtuning;

/**
 * What one step of a layer's quantization did.
 *
 * @param round from 0
 * @param before L
 * @param after L that the step proposed, of a beam search without the rows it was not allowed to change
 * @param changedTiles with another code than before
 * @param accepted whether the step stands; if not, the state is as before
 */
record LayerStep(int round, Kind kind, double before, double after, int changedTiles, boolean accepted) {
    /** What a step changes. */
    enum Kind {
        /** {@link ScaleStep}. */
        SCALES,
        /** {@link CodewordStep}. */
        CODEWORDS,
        /** {@link BeamSearch}. */
        CODES
    }
}
