package dev.lowbit.matrix.block;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A code per weight and a scale per block. Identifiers are {@code <codebook><bits>-g<group>-<scales>[-flat]}, for example
 * {@code nf3-g64-s8x256-bf16}, {@code nf4-g64-f16}, {@code lc2-g16-s8x256-fp16-flat}.
 *
 * @param codebook what the codes stand for
 * @param codeBits bits of a code, 1 to 8 (NormalFloat: 2 to 8)
 * @param groupSize weights per block, 1 to 65536
 * @param scales how the blocks' scales are stored
 * @param layout how blocks run over the matrix
 */
public record BlockFormat(CodebookKind codebook, int codeBits, int groupSize, ScaleFormat scales, BlockLayout layout)
        implements MatrixFormat {
    static final String CODES = "codes";
    static final String CODEBOOK = "codebook";

    private static final int MAX_GROUP_SIZE = 1 << 16;
    private static final int MAX_CODE_BITS = 8;
    private static final String FLAT = "-flat";
    private static final Pattern ID = Pattern.compile("(nf|int|lc)([1-8])-g([1-9][0-9]{0,5})-(.+)");

    public BlockFormat {
        if (codeBits < codebook.minBits() || codeBits > MAX_CODE_BITS) {
            throw InvalidRequestException.usage(codebook.prefix() + " codes have " + codebook.minBits() + " to "
                    + MAX_CODE_BITS + " bits, got " + codeBits
                    + (codeBits == 1 ? "; use int1 or lc1 for one bit" : ""));
        }
        if (groupSize < 1 || groupSize > MAX_GROUP_SIZE) {
            throw InvalidRequestException.usage(
                    "a block has 1 to " + MAX_GROUP_SIZE + " weights, got a group size of " + groupSize);
        }
    }

    /** With the row layout. */
    public BlockFormat(CodebookKind codebook, int codeBits, int groupSize, ScaleFormat scales) {
        this(codebook, codeBits, groupSize, scales, BlockLayout.ROW);
    }

    @Override
    public String id() {
        return codebook.prefix() + codeBits + "-g" + groupSize + "-" + scales.id()
                + (layout == BlockLayout.FLAT ? FLAT : "");
    }

    /** The inverse of {@link #id()}. */
    public static BlockFormat parse(String id) {
        return parseIfBlock(id)
                .orElseThrow(
                        () -> InvalidRequestException.usage(
                                "'" + id
                                        + "' is no block format; they look like nf3-g64-s8x256-bf16, int4-g32-f16 or nf4-g64-f32-flat"));
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    public static Optional<BlockFormat> parseIfBlock(String id) {
        boolean flat = id.endsWith(FLAT);
        Matcher matcher = ID.matcher(flat ? id.substring(0, id.length() - FLAT.length()) : id);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        CodebookKind kind = CodebookKind.valueOf(matcher.group(1).toUpperCase(Locale.ROOT));
        int bits = Integer.parseInt(matcher.group(2));
        int group = Integer.parseInt(matcher.group(3));
        return ScaleFormat.parse(matcher.group(4))
                .map(scales -> new BlockFormat(kind, bits, group, scales, flat ? BlockLayout.FLAT : BlockLayout.ROW));
    }

    /** The same format with blocks over the flattened matrix. */
    public BlockFormat flat() {
        return new BlockFormat(codebook, codeBits, groupSize, scales, BlockLayout.FLAT);
    }

    /**
     * The 432 configurations of the LQ-LoRA grid in the row layout: bits {2, 3, 4, 8} x scale bits {2, 3, 4, 8} x super-scale type
     * {bf16, fp16, fp32} x group {16, 32, 64} x super-group {16, 64, 256}, the last running fastest.
     */
    public static List<BlockFormat> paperGrid() {
        List<BlockFormat> grid = new ArrayList<>();
        for (int bits : new int[] {2, 3, 4, 8}) {
            for (int scaleBits : new int[] {2, 3, 4, 8}) {
                for (DType type : new DType[] {DType.BF16, DType.F16, DType.F32}) {
                    for (int group : new int[] {16, 32, 64}) {
                        for (int superGroup : new int[] {16, 64, 256}) {
                            ScaleFormat scales = new ScaleFormat.TwoLevel(scaleBits, superGroup, type);
                            grid.add(new BlockFormat(CodebookKind.NF, bits, group, scales));
                        }
                    }
                }
            }
        }
        return List.copyOf(grid);
    }

    /**
     * The paper's own storage formula in bits: size x (b + b0/B0 + b1/(B0 B1)), without rounding up, offset or stored codebook.
     *
     * @param weights how many weights
     */
    public double formulaBits(long weights) {
        double perWeight = switch (scales) {
            case ScaleFormat.OneLevel one -> codeBits + (double) one.type().bits() / groupSize;
            case ScaleFormat.TwoLevel two ->
                codeBits
                        + (double) two.codeBits() / groupSize
                        + (double) two.superType().bits() / ((double) groupSize * two.superGroup());
        };
        return weights * perWeight;
    }

    /** Where the blocks of a rows x columns matrix lie. */
    public BlockGeometry geometry(int rows, int columns) {
        return BlockGeometry.of(rows, columns, groupSize, layout);
    }

    @Override
    public List<String> shareable() {
        return codebook.isStored() ? List.of(CODEBOOK) : List.of();
    }

    @Override
    public List<PartSpec> layout(int rows, int columns) {
        BlockGeometry geometry = geometry(rows, columns);
        List<PartSpec> parts = new ArrayList<>();
        parts.add(PartSpec.of(CODES, DType.U8, PackedCodes.bytes(geometry.size(), codeBits)));
        parts.addAll(scales.layout(geometry.blocks()));
        if (codebook.isStored()) {
            parts.add(PartSpec.of(CODEBOOK, DType.F16, 1L << codeBits));
        }
        return parts;
    }

    @Override
    public QuantizedMatrix read(int rows, int columns, Map<String, Part> parts) {
        return BlockMatrixReader.read(this, rows, columns, parts);
    }
}
