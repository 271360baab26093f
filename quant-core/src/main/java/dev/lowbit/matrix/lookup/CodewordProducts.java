package dev.lowbit.matrix.lookup;

/** The products of a tile's inputs with every codeword. Safe for use by several threads. */
@FunctionalInterface
public interface CodewordProducts {
    /**
     * Computes them.
     *
     * @param x the inputs of a tile from {@code xFrom} on; not modified
     * @param out one for each codeword, codebook after codebook, from {@code outFrom} on; modified (overwritten)
     */
    void products(float[] x, int xFrom, float[] out, int outFrom);
}
