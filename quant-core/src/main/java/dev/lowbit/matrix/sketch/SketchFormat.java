package dev.lowbit.matrix.sketch;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sketches, as SketchTune (arXiv 2410.06364) has them: each row is cut into G groups of equally many consecutive columns, a group has a table Z of
 * 2^b values, and Ŵ[i, j] = Z[i, g(j), C[i, j]] with a code C for each weight. Identifiers are {@code sketch<b>-r<G>-<tables>}, for example
 * {@code sketch4-r1-f16}, {@code sketch2-r4-bf16}, {@code sketch2-r1-t5-s6x64-bf16}.
 *
 * @param codeBits b, 2 to 4
 * @param groups G, groups of a row, 1 to 64; divides the columns
 * @param tables how the tables are stored
 */
public record SketchFormat(int codeBits, int groups, TableFormat tables) implements MatrixFormat {
    static final String CODES = "codes";

    /** Groups of a row at most. */
    public static final int MOST_GROUPS = 64;

    private static final int LEAST_BITS = 2;
    private static final int MOST_BITS = 4;
    private static final Pattern ID = Pattern.compile("sketch([2-4])-r([1-9][0-9]?)-(.+)");

    public SketchFormat {
        if (codeBits < LEAST_BITS || codeBits > MOST_BITS) {
            throw InvalidRequestException.usage("codes of a sketch have 2 to 4 bits, got " + codeBits);
        }
        if (groups < 1 || groups > MOST_GROUPS) {
            throw InvalidRequestException.usage("a row of a sketch has 1 to " + MOST_GROUPS + " groups, got " + groups);
        }
    }

    @Override
    public String id() {
        return "sketch" + codeBits + "-r" + groups + "-" + tables.id();
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    public static Optional<SketchFormat> parseIfSketch(String id) {
        Matcher matcher = ID.matcher(id);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        int groups = Integer.parseInt(matcher.group(2));
        return TableFormat.parse(matcher.group(3))
                .map(tables -> new SketchFormat(Integer.parseInt(matcher.group(1)), groups, tables));
    }

    /** The same codes with tables stored in another way. */
    public SketchFormat with(TableFormat others) {
        return new SketchFormat(codeBits, groups, others);
    }

    /** Whether the columns make equal groups. */
    @Override
    public boolean suits(int rows, int columns) {
        return columns % groups == 0;
    }

    /** k = 2^b, entries of a table. */
    public int entries() {
        return 1 << codeBits;
    }

    /**
     * Columns of a group in rows of this length.
     *
     * @throws InvalidRequestException when the groups would differ
     */
    public int groupColumns(int columns) {
        if (!suits(1, columns)) {
            throw InvalidRequestException.impossible(
                    columns + " columns do not make " + groups + " equal groups; take a divisor, for example 1");
        }
        return columns / groups;
    }

    /**
     * Tables of all rows, rows x groups.
     *
     * @throws InvalidRequestException when there is nothing, or more than an array holds
     */
    public int tableCount(int rows, int columns) {
        if (rows < 1 || columns < 1) {
            throw InvalidRequestException.usage(
                    "a quantized matrix needs at least one row and column, got " + rows + " x " + columns);
        }
        groupColumns(columns);
        long values = (long) rows * groups * entries();
        if (values > Shape.LARGEST_ARRAY) {
            throw InvalidRequestException.impossible(rows + " rows with " + groups + " tables of " + entries()
                    + " values make " + values + " values, more than 2^31; use fewer groups");
        }
        return rows * groups;
    }

    @Override
    public List<PartSpec> layout(int rows, int columns) {
        int tableCount = tableCount(rows, columns);
        List<PartSpec> parts = new ArrayList<>();
        parts.add(PartSpec.of(CODES, DType.U8, PackedCodes.bytes((long) rows * columns, codeBits)));
        parts.addAll(tables.layout(tableCount, entries()));
        return parts;
    }

    @Override
    public QuantizedMatrix read(int rows, int columns, Map<String, Part> parts) {
        PackedCodes.requirePadding(parts.get(CODES), (long) rows * columns, codeBits);
        int tableCount = tableCount(rows, columns);
        List<Part> ordered = layout(rows, columns).stream()
                .map(spec -> parts.get(spec.name()))
                .toList();
        return new SketchMatrix(rows, columns, this, ordered, StoredTables.read(tables, tableCount, entries(), parts));
    }
}
