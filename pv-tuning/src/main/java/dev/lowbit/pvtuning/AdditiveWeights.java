package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import java.util.Arrays;

/**
 * An additive quantization as plain numbers that the algorithms of this package change in place: tile (p, q) of Ŵ is
 * s[p, q] Σ_m C[m][b[p, q, m]].
 *
 * <table>
 * <caption>Letters of the AQLM and PV-Tuning papers</caption>
 * <tr><th>letter</th><th>name</th><th>shape</th></tr>
 * <tr><td>P, Q</td><td>{@link Tiling#tileRows}, {@link Tiling#tileColumns}</td><td></td></tr>
 * <tr><td>K, M</td><td>{@link #codebooks()}, {@link #entries()}</td><td></td></tr>
 * <tr><td>C</td><td>{@link #codewords()}, in units of the scale</td><td>K x M x tile, row-major</td></tr>
 * <tr><td>b</td><td>{@link #codes()}, each 0 to M - 1</td><td>P x Q x K, row-major</td></tr>
 * <tr><td>s</td><td>{@link #scales()}</td><td>P x 1, one for a row of tiles, or P x Q</td></tr>
 * </table>
 */
final class AdditiveWeights {
    private final Tiling tiling;
    private final int codebooks;
    private final int entries;
    private final double[] codewords;
    private final int[] codes;
    private final double[] scales;

    /** From its numbers, which are used, not copied. */
    AdditiveWeights(Tiling tiling, int codebooks, int entries, double[] codewords, int[] codes, double[] scales) {
        if (codewords.length != Math.multiplyExact(Math.multiplyExact(codebooks, entries), tiling.tileSize())
                || codes.length != Math.multiplyExact(tiling.tiles(), codebooks)
                || scales.length != tiling.tileRows() && scales.length != tiling.tiles()) {
            throw new IllegalArgumentException(
                    codewords.length + " values of codewords, " + codes.length + " codes and " + scales.length
                            + " scales do not make " + codebooks + " codebooks of " + entries + " for " + tiling);
        }
        this.tiling = tiling;
        this.codebooks = codebooks;
        this.entries = entries;
        this.codewords = codewords;
        this.codes = codes;
        this.scales = scales;
    }

    /** A copy that shares nothing. */
    AdditiveWeights copy() {
        return new AdditiveWeights(tiling, codebooks, entries, codewords.clone(), codes.clone(), scales.clone());
    }

    /** Takes the numbers of weights of the same shape, which share nothing with these. */
    void set(AdditiveWeights other) {
        System.arraycopy(other.codewords, 0, codewords, 0, codewords.length);
        System.arraycopy(other.codes, 0, codes, 0, codes.length);
        System.arraycopy(other.scales, 0, scales, 0, scales.length);
    }

    Tiling tiling() {
        return tiling;
    }

    /** K. */
    int codebooks() {
        return codebooks;
    }

    /** M. */
    int entries() {
        return entries;
    }

    /** C; live. */
    double[] codewords() {
        return codewords;
    }

    /** b; live. */
    int[] codes() {
        return codes;
    }

    /** s; live. */
    double[] scales() {
        return scales;
    }

    /** Where in {@link #codewords()} the codeword of a codebook starts. */
    int at(int codebook, int code) {
        return (codebook * entries + code) * tiling.tileSize();
    }

    /** Where in {@link #scales()} the scale of tile (p, q) is. */
    int scaleAt(int p, int q) {
        return scales.length == tiling.tileRows() ? p : p * tiling.tileColumns() + q;
    }

    /** Writes Σ_m C[m][b[p, q, m]] of one tile, row-major, into {@code out} (modified). */
    void unscaledTile(int p, int q, double[] out) {
        int size = tiling.tileSize();
        Arrays.fill(out, 0, size, 0);
        int first = (p * tiling.tileColumns() + q) * codebooks;
        for (int m = 0; m < codebooks; m++) {
            int from = at(m, codes[first + m]);
            for (int i = 0; i < size; i++) {
                out[i] += codewords[from + i];
            }
        }
    }

    /** Ŵ, O x I row-major, in memory of its own. */
    double[] decode() {
        double[] out = new double[tiling.size()];
        TileMap.decode(this, codewords, out, Workers.serial());
        return out;
    }
}
