package dev.lowbit.matrix.sum;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A base plus a product of two stored factors. Identifiers are {@code <base>+r<rank>-<factor>}, where the factor is any format
 * without a sum, or {@code nf8} for {@code nf8-g64-s8x256-fp32-flat}.
 *
 * @param base format of the rows x columns term
 * @param rank inner dimension of the product, at least 1
 * @param factor format of both factors, rank x rows and rank x columns
 */
public record SumFormat(MatrixFormat base, int rank, MatrixFormat factor) implements MatrixFormat {
    static final String LEFT = "left";
    static final String RIGHT = "right";

    private static final String NF8 = "nf8";
    private static final String NF8_ID = "nf8-g64-s8x256-fp32-flat";
    private static final Pattern ID = Pattern.compile("([^+]+)\\+r([1-9][0-9]{0,8})-([^+]+)");

    public SumFormat {
        if (rank < 1) {
            throw InvalidRequestException.usage("a low-rank term has a rank of at least 1, got " + rank);
        }
        if (base instanceof SumFormat || factor instanceof SumFormat) {
            throw nested();
        }
    }

    private static InvalidRequestException nested() {
        return InvalidRequestException.usage("a sum has one base and one pair of factors; sums do not nest");
    }

    @Override
    public String id() {
        String name = factor.id().equals(NF8_ID) ? NF8 : factor.id();
        return base.id() + "+r" + rank + "-" + name;
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    public static Optional<SumFormat> parseIfSum(String id) {
        if (id.indexOf('+') != id.lastIndexOf('+')) {
            // an identifier out of a file may have thousands: they are counted, not followed
            throw nested();
        }
        Matcher matcher = ID.matcher(id);
        if (!matcher.matches()) {
            return Optional.empty();
        }
        String factor = matcher.group(3);
        return Optional.of(new SumFormat(
                MatrixFormats.parse(matcher.group(1)),
                Integer.parseInt(matcher.group(2)),
                MatrixFormats.parse(factor.equals(NF8) ? NF8_ID : factor)));
    }

    @Override
    public List<String> shareable() {
        return base.shareable();
    }

    @Override
    public List<PartSpec> layout(int rows, int columns) {
        List<PartSpec> parts = new ArrayList<>(base.layout(rows, columns));
        factor.layout(rank, rows).forEach(part -> parts.add(part.prefixed(LEFT)));
        factor.layout(rank, columns).forEach(part -> parts.add(part.prefixed(RIGHT)));
        return parts;
    }

    @Override
    public QuantizedMatrix read(int rows, int columns, Map<String, Part> parts) {
        return new SumMatrix(
                this,
                base.read(rows, columns, parts),
                readFactor(LEFT, rows, parts),
                readFactor(RIGHT, columns, parts));
    }

    private QuantizedMatrix readFactor(String prefix, int columns, Map<String, Part> parts) {
        Map<String, Part> own = new HashMap<>();
        for (PartSpec spec : factor.layout(rank, columns)) {
            Part part = parts.get(spec.prefixed(prefix).name());
            own.put(spec.name(), new Part(spec.name(), part.type(), part.shape(), part.bytes()));
        }
        try {
            return factor.read(rank, columns, own);
        } catch (MalformedPartException e) {
            throw e.prefixed(prefix);
        }
    }
}
