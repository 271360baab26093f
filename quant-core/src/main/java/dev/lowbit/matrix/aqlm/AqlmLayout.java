package dev.lowbit.matrix.aqlm;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import java.util.List;

/**
 * The tensors of one linear layer as AQLM and PV-Tuning publish them; docs/formats/aqlm.md is their definition.
 *
 * @param rows outputs, a multiple of the rows of a tile
 * @param columns inputs, a multiple of the columns of a tile
 * @param format says how large tiles, codebooks and codes are; its scales are one for each row of tiles
 */
public record AqlmLayout(int rows, int columns, AdditiveFormat format) {
    /** Codes, P x Q x K: those from 2^(B-1) on less 2^B, in {@link #codeType}. */
    public static final String CODES = "codes";

    /** F16, K x M x rows of a tile x columns of a tile. */
    public static final String CODEBOOKS = "codebooks";

    /** F16, P x 1 x 1 x 1. */
    public static final String SCALES = "scales";

    /** @throws InvalidRequestException impossible, when the layout has no such layer */
    public AqlmLayout {
        requireMultiple(rows, "outputs", format.outGroup(), "rows");
        requireMultiple(columns, "inputs", format.inGroup(), "columns");
        if (format.scaleCount(rows, columns) != format.tileRows(rows)) {
            throw InvalidRequestException.impossible(
                    "the AQLM layout has one scale for a row of tiles, as formats with -row- have, and " + format.id()
                            + " has " + format.scalesOfRow(columns));
        }
    }

    private static void requireMultiple(int size, String what, int group, String ofTile) {
        if (size % group != 0) {
            throw InvalidRequestException.impossible("the AQLM layout has whole tiles only, and " + size + " " + what
                    + " are no multiple of the " + group + " " + ofTile + " of a tile");
        }
    }

    /** The same codes and codebooks under scales that the layout holds as they are. */
    public AdditiveFormat exact() {
        return new AdditiveFormat(
                format.codebooks(),
                format.codeBits(),
                format.inGroup(),
                format.outGroup(),
                0,
                new ScaleFormat.OneLevel(DType.F16));
    }

    /** I8 for codes of up to 8 bits, else I16. */
    public DType codeType() {
        return format.codeBits() <= Byte.SIZE ? DType.I8 : DType.I16;
    }

    /** P, rows of tiles. */
    int tileRows() {
        return format.tileRows(rows);
    }

    /** Q K, codes of a row of tiles. */
    int codesOfRow() {
        return format.tileColumns(columns) * format.codebooks();
    }

    /** P Q K. */
    long codeCount() {
        return (long) tileRows() * codesOfRow();
    }

    /** Names, types and shapes, wide elements first. */
    public List<PartSpec> tensors() {
        long tileRows = tileRows();
        long codebooks = format.codebooks();
        return List.of(
                new PartSpec(
                        CODEBOOKS,
                        DType.F16,
                        List.of(codebooks, (long) format.entries(), (long) format.outGroup(), (long) format.inGroup())),
                new PartSpec(SCALES, DType.F16, List.of(tileRows, 1L, 1L, 1L)),
                new PartSpec(CODES, codeType(), List.of(tileRows, (long) format.tileColumns(columns), codebooks)));
    }
}
