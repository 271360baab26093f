package dev.lowbit.matrix.additive;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sums of codewords, as AQLM stores them: the matrix is cut into tiles of {@code outGroup x inGroup} weights, and tile (p, q) is s Σ_m
 * C[m][b[p, q, m]] with a code b for each of K codebooks C of 2^B codewords. Tiles at the right and lower edge reach beyond a matrix whose
 * sides are no multiples; what lies outside is dropped. Identifiers are {@code aq<K>x<B>-g<inGroup>[o<outGroup>]-<row|s<scaleColumns>>-<scales>},
 * for example {@code aq2x8-g8-row-f16}, {@code aq1x12-g4-s64-s4x64-bf16}, {@code aq2x4-g8o2-row-f16}.
 *
 * @param codebooks K, 1 to 8
 * @param codeBits B, 1 to 16
 * @param inGroup columns of a tile, 1 to 64
 * @param outGroup rows of a tile, 1 to 8; a tile has at most 256 weights
 * @param scaleColumns columns of a row of tiles that share a scale, a multiple of inGroup; 0 for all of them
 * @param scales how the scales are stored
 */
public record AdditiveFormat(
        int codebooks, int codeBits, int inGroup, int outGroup, int scaleColumns, ScaleFormat scales)
        implements MatrixFormat {
    /** Columns of the widest tile. */
    public static final int MAX_IN_GROUP = 64;

    static final String CODES = "codes";
    static final String CODEBOOKS = "codebooks";

    private static final int MAX_CODEBOOKS = 8;
    private static final int MAX_OUT_GROUP = 8;
    private static final int MAX_TILE = 256;
    private static final int MAX_SCALE_COLUMNS = 1 << 16;

    /** Codes of a row of tiles, so that they fit an array in every form. */
    private static final int MAX_ROW_CODES = 1 << 29;

    private static final String ROW = "row";
    private static final Pattern ID =
            Pattern.compile("aq([1-8])x([1-9]|1[0-6])-g([1-9][0-9]?)(?:o([2-8]))?-(" + ROW + "|s[1-9][0-9]{0,5})-(.+)");

    public AdditiveFormat {
        requireRange("codebooks", codebooks, MAX_CODEBOOKS);
        requireRange("bits of a code", codeBits, Character.SIZE);
        requireRange("columns of a tile", inGroup, MAX_IN_GROUP);
        requireRange("rows of a tile", outGroup, MAX_OUT_GROUP);
        requireRange("weights of a tile", inGroup * outGroup, MAX_TILE);
        if (scaleColumns < 0 || scaleColumns > MAX_SCALE_COLUMNS || scaleColumns % inGroup != 0) {
            throw InvalidRequestException.usage("a scale covers a multiple of the " + inGroup
                    + " columns of a tile, up to " + MAX_SCALE_COLUMNS + ", or the whole row; got " + scaleColumns);
        }
    }

    private static void requireRange(String what, int value, int largest) {
        if (value < 1 || value > largest) {
            throw InvalidRequestException.usage(
                    "an additive format has 1 to " + largest + " " + what + ", got " + value);
        }
    }

    @Override
    public String id() {
        return "aq" + codebooks + "x" + codeBits + "-g" + inGroup + (outGroup == 1 ? "" : "o" + outGroup) + "-"
                + (scaleColumns == 0 ? ROW : "s" + scaleColumns) + "-" + scales.id();
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    public static Optional<AdditiveFormat> parseIfAdditive(String id) {
        Matcher matcher = ID.matcher(id);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        String rows = matcher.group(4);
        String columns = matcher.group(5);
        return ScaleFormat.parse(matcher.group(6))
                .map(scales -> new AdditiveFormat(
                        Integer.parseInt(matcher.group(1)),
                        Integer.parseInt(matcher.group(2)),
                        Integer.parseInt(matcher.group(3)),
                        rows == null ? 1 : Integer.parseInt(rows),
                        columns.equals(ROW) ? 0 : Integer.parseInt(columns.substring(1)),
                        scales));
    }

    /** M = 2^B, codewords of a codebook. */
    public int entries() {
        return 1 << codeBits;
    }

    /** Weights of a tile, which a codeword has too. */
    public int tileSize() {
        return inGroup * outGroup;
    }

    /** P, rows of tiles, the last one perhaps reaching below the matrix. */
    public int tileRows(int rows) {
        return Math.ceilDiv(rows, outGroup);
    }

    /** Q, tiles of a row of tiles, the last one perhaps reaching beyond the matrix. */
    public int tileColumns(int columns) {
        return Math.ceilDiv(columns, inGroup);
    }

    /** Tiles in a row that share a scale, at least 1. */
    public int tilesOfScale(int columns) {
        int all = tileColumns(columns);
        return scaleColumns == 0 ? all : Math.min(all, scaleColumns / inGroup);
    }

    /** Scales of a row of tiles. */
    public int scalesOfRow(int columns) {
        return Math.ceilDiv(tileColumns(columns), tilesOfScale(columns));
    }

    /**
     * Scales of all rows of tiles.
     *
     * @throws InvalidRequestException when there is nothing, or more than arrays and files hold
     */
    public int scaleCount(int rows, int columns) {
        requireSizes(rows, columns);
        return tileRows(rows) * scalesOfRow(columns);
    }

    /** Codes of all tiles. */
    long codeCount(int rows, int columns) {
        return (long) tileRows(rows) * tileColumns(columns) * codebooks;
    }

    /** Codes of a row of tiles. */
    int codesOfRow(int columns) {
        return tileColumns(columns) * codebooks;
    }

    private void requireSizes(int rows, int columns) {
        if (rows < 1 || columns < 1) {
            throw InvalidRequestException.usage(
                    "a quantized matrix needs at least one row and column, got " + rows + " x " + columns);
        }
        long codesOfRow = (long) tileColumns(columns) * codebooks;
        if (codesOfRow > MAX_ROW_CODES) {
            throw InvalidRequestException.impossible(columns + " columns in groups of " + inGroup + " make "
                    + codesOfRow + " codes a row, more than 2^29; use a larger group or fewer codebooks");
        }
        if (codeCount(rows, columns) > Long.MAX_VALUE / codeBits) {
            throw InvalidRequestException.impossible(rows + " x " + columns + " weights in tiles of " + outGroup + " x "
                    + inGroup + " make more than 2^63 bits of codes; use larger tiles or fewer codebooks");
        }
        long scaleCount = (long) tileRows(rows) * scalesOfRow(columns);
        if (scaleCount > Shape.LARGEST_ARRAY) {
            throw InvalidRequestException.impossible(rows + " x " + columns + " weights with a scale for "
                    + scaleColumns + " columns make " + scaleCount + " scales, more than 2^31; let a scale cover more");
        }
    }

    @Override
    public List<String> shareable() {
        return List.of(CODEBOOKS);
    }

    @Override
    public List<PartSpec> layout(int rows, int columns) {
        int scaleCount = scaleCount(rows, columns);
        List<PartSpec> parts = new ArrayList<>();
        parts.add(PartSpec.of(CODES, DType.U8, PackedCodes.bytes(codeCount(rows, columns), codeBits)));
        parts.addAll(scales.layout(scaleCount));
        parts.add(new PartSpec(CODEBOOKS, DType.F16, List.of((long) codebooks, (long) entries(), (long) tileSize())));
        return parts;
    }

    @Override
    public QuantizedMatrix read(int rows, int columns, Map<String, Part> parts) {
        return AdditiveMatrixReader.read(this, rows, columns, parts);
    }
}
