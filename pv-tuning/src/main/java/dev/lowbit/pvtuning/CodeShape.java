package dev.lowbit.pvtuning;

import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.ScaleFormat;
import java.util.List;

/**
 * How a row is cut and coded, whatever its scale: groups of g weights, each a sum of K codewords of 2^B each, K B / g bits a weight.
 *
 * @param codebooks K
 * @param codeBits B
 * @param inGroup g
 */
record CodeShape(int codebooks, int codeBits, int inGroup) {
    /** What is priced: 0.5 to 4 bits; where two have as many, the one of smaller codebooks may win on a small model. */
    static final List<CodeShape> PRICED = List.of(
            new CodeShape(1, 8, 16),
            new CodeShape(1, 6, 8),
            new CodeShape(1, 8, 8),
            new CodeShape(1, 10, 8),
            new CodeShape(1, 6, 4),
            new CodeShape(2, 6, 8),
            new CodeShape(1, 12, 8),
            new CodeShape(2, 7, 8),
            new CodeShape(1, 8, 4),
            new CodeShape(2, 8, 8),
            new CodeShape(2, 10, 8),
            new CodeShape(1, 10, 4),
            new CodeShape(1, 6, 2),
            new CodeShape(3, 8, 8),
            new CodeShape(2, 6, 4),
            new CodeShape(2, 8, 4));

    /** Codebooks of a matrix take at most this part of its codes; larger ones are shared. */
    private static final int OWN_SHARE = 64;

    static CodeShape of(AdditiveFormat format) {
        return new CodeShape(format.codebooks(), format.codeBits(), format.inGroup());
    }

    /** What matrices that share codebooks of this shape call them, for example {@code aq2x8-g8}. */
    String id() {
        return "aq" + codebooks + "x" + codeBits + "-g" + inGroup;
    }

    /** With one scale for each row. */
    AdditiveFormat format(ScaleFormat scales) {
        return new AdditiveFormat(codebooks, codeBits, inGroup, 1, 0, scales);
    }

    /** M = 2^B. */
    int entries() {
        return 1 << codeBits;
    }

    /** Values of all codewords, K M g. */
    int values() {
        return codebooks * entries() * inGroup;
    }

    /** Columns with those of the last group that lie beyond the matrix. */
    int paddedColumns(int columns) {
        return Math.ceilDiv(columns, inGroup) * inGroup;
    }

    Tiling tiling(int rows, int columns) {
        return new Tiling(rows, paddedColumns(columns), 1, inGroup);
    }

    /** Stored bytes of all codebooks. */
    long codebookBytes() {
        return (long) Short.BYTES * values();
    }

    /** Stored bytes of all codes. */
    long codeBytes(int rows, int columns) {
        return PackedCodes.bytes((long) rows * Math.ceilDiv(columns, inGroup) * codebooks, codeBits);
    }

    /** Whether a matrix is large enough for codebooks of its own. */
    boolean isOwn(int rows, int columns) {
        return codebookBytes() * OWN_SHARE <= codeBytes(rows, columns);
    }
}
