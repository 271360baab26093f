package dev.lowbit.matrix.affine;

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
 * Integers on an affine grid, as GPTQ stores them: Ŵ[i, j] = s (q - z) with a scale s and a zero point z for each group of a row's
 * columns. Identifiers are {@code affine<bits>-<g<group>|row>-<scales>[-sym][-gidx]}, for example {@code affine2-g32-f16},
 * {@code affine3-g64-s4x64-bf16}, {@code affine4-row-f16-sym}, {@code affine4-g128-f16-gidx}.
 *
 * @param codeBits bits of a code, 1 to 8: q is 0 to L = 2^bits - 1
 * @param groupSize consecutive columns of a group, the last of a row may be shorter; 0 for one group a row
 * @param scales how the groups' scales are stored
 * @param symmetric whether every zero point is 2^(bits - 1) and none is stored
 * @param indexed whether the group of each column is stored (GPTQ's act-order with dynamic groups) instead of following from its place
 */
public record AffineFormat(int codeBits, int groupSize, ScaleFormat scales, boolean symmetric, boolean indexed)
        implements MatrixFormat {
    static final String CODES = "codes";
    static final String ZEROS = "zeros";
    static final String GROUP_INDEX = "group_index";

    private static final int MAX_GROUP_SIZE = 1 << 16;
    private static final String ROW = "row";
    private static final String SYMMETRIC = "-sym";
    private static final String INDEXED = "-gidx";
    private static final Pattern ID =
            Pattern.compile("affine([1-8])-(row|g[1-9][0-9]{0,5})-(.+?)(" + SYMMETRIC + ")?(" + INDEXED + ")?");

    public AffineFormat {
        if (codeBits < 1 || codeBits > Byte.SIZE) {
            throw InvalidRequestException.usage("affine codes have 1 to 8 bits, got " + codeBits);
        }
        if (groupSize < 0 || groupSize > MAX_GROUP_SIZE) {
            throw InvalidRequestException.usage(
                    "a group has 1 to " + MAX_GROUP_SIZE + " columns, or 0 for the whole row; got " + groupSize);
        }
    }

    /** Asymmetric, groups by place. */
    public AffineFormat(int codeBits, int groupSize, ScaleFormat scales) {
        this(codeBits, groupSize, scales, false, false);
    }

    @Override
    public String id() {
        return "affine" + codeBits + "-" + (groupSize == 0 ? ROW : "g" + groupSize) + "-" + scales.id()
                + (symmetric ? SYMMETRIC : "") + (indexed ? INDEXED : "");
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    public static Optional<AffineFormat> parseIfAffine(String id) {
        Matcher matcher = ID.matcher(id);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        String group = matcher.group(2);
        int groupSize = group.equals(ROW) ? 0 : Integer.parseInt(group.substring(1));
        return ScaleFormat.parse(matcher.group(3))
                .map(scales -> new AffineFormat(
                        Integer.parseInt(matcher.group(1)),
                        groupSize,
                        scales,
                        matcher.group(4) != null,
                        matcher.group(5) != null));
    }

    /** L, the largest code. */
    public int largestCode() {
        return (1 << codeBits) - 1;
    }

    /** The zero point of every group where none is stored. */
    public int middle() {
        return 1 << (codeBits - 1);
    }

    /** Columns of a full group in rows of this length. */
    public int groupColumns(int columns) {
        return groupSize == 0 ? columns : Math.min(groupSize, columns);
    }

    /** Groups of a row. */
    public int groupsOfRow(int columns) {
        return Math.ceilDiv(columns, groupColumns(columns));
    }

    /**
     * Groups of all rows.
     *
     * @throws InvalidRequestException when there is nothing, or more than an array holds
     */
    public int groups(int rows, int columns) {
        if (rows < 1 || columns < 1) {
            throw InvalidRequestException.usage(
                    "a quantized matrix needs at least one row and column, got " + rows + " x " + columns);
        }
        long groups = (long) rows * groupsOfRow(columns);
        if (groups > Shape.LARGEST_ARRAY) {
            throw InvalidRequestException.impossible(rows + " x " + columns + " weights in groups of " + groupSize
                    + " make " + groups + " groups, more than 2^31; use a larger group");
        }
        return (int) groups;
    }

    @Override
    public List<PartSpec> layout(int rows, int columns) {
        int groups = groups(rows, columns);
        List<PartSpec> parts = new ArrayList<>();
        parts.add(PartSpec.of(CODES, DType.U8, PackedCodes.bytes((long) rows * columns, codeBits)));
        parts.addAll(scales.layout(groups));
        if (!symmetric) {
            parts.add(PartSpec.of(ZEROS, DType.U8, PackedCodes.bytes(groups, codeBits)));
        }
        if (indexed) {
            parts.add(PartSpec.of(GROUP_INDEX, DType.I32, columns));
        }
        return parts;
    }

    @Override
    public QuantizedMatrix read(int rows, int columns, Map<String, Part> parts) {
        return AffineMatrixReader.read(this, rows, columns, parts);
    }
}
