package dev.lowbit.pvtuning;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.method.ModelWeights;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * How a row is cut and coded, whatever its scale: groups of g weights, each a sum of K codewords of 2^B each, K B / g bits a weight.
 *
 * @param codebooks K
 * @param codeBits B
 * @param inGroup g
 */
record CodeShape(int codebooks, int codeBits, int inGroup) {
    /** What is worth having, by bits a weight and then by size of the codebooks. */
    private static final List<CodeShape> KNOWN = List.of(
            new CodeShape(1, 4, 8),
            new CodeShape(1, 8, 16),
            new CodeShape(1, 6, 8),
            new CodeShape(1, 4, 4),
            new CodeShape(1, 8, 8),
            new CodeShape(1, 10, 8),
            new CodeShape(1, 6, 4),
            new CodeShape(1, 12, 8),
            new CodeShape(1, 7, 4),
            new CodeShape(1, 4, 2),
            new CodeShape(1, 8, 4),
            new CodeShape(2, 8, 8),
            new CodeShape(1, 9, 4),
            new CodeShape(1, 10, 4),
            new CodeShape(1, 6, 2),
            new CodeShape(1, 12, 4),
            new CodeShape(1, 7, 2),
            new CodeShape(1, 8, 2));

    /** Of the codes of a model: codebooks that take a larger part are not worth looking at. */
    private static final int MODEL_SHARE = 16;

    /** Shapes of one number of bits that are priced. */
    private static final int ALIKE = 2;

    /** Codebooks of a matrix take at most this part of its codes; larger ones are shared. */
    private static final int OWN_SHARE = 64;

    /**
     * The shapes to price for a model: of those of each number of bits the two of the largest codebooks that its codes outweigh.
     *
     * @param group g, or 0 for all
     * @throws InvalidRequestException when no shape has this g
     */
    static List<CodeShape> worthwhile(List<ModelWeights.Shape> model, int group) {
        List<CodeShape> shapes = KNOWN.stream()
                .filter(shape -> group == 0 || shape.inGroup == group)
                .toList();
        if (shapes.isEmpty()) {
            throw InvalidRequestException.usage("--group " + group + ": pv-tuning has codewords of "
                    + KNOWN.stream()
                            .map(shape -> Integer.toString(shape.inGroup))
                            .distinct()
                            .collect(Collectors.joining(", "))
                    + " weights; choose one of these, or give --format");
        }
        Map<Double, List<CodeShape>> byBits = new TreeMap<>();
        shapes.stream()
                .filter(shape -> shape.codebookBytes() * MODEL_SHARE <= shape.codeBytes(model))
                .forEach(shape -> byBits.computeIfAbsent(shape.bits(), bits -> new ArrayList<>())
                        .add(shape));
        List<CodeShape> worthwhile = new ArrayList<>();
        byBits.values()
                .forEach(alike -> worthwhile.addAll(alike.subList(Math.max(0, alike.size() - ALIKE), alike.size())));
        return worthwhile.isEmpty()
                ? List.of(shapes.stream()
                        .min(Comparator.comparingLong(CodeShape::codebookBytes))
                        .orElseThrow())
                : worthwhile;
    }

    private long codeBytes(List<ModelWeights.Shape> model) {
        return model.stream()
                .mapToLong(matrix -> codeBytes(matrix.rows(), matrix.columns()))
                .sum();
    }

    /** K B / g, bits of codes for a weight. */
    double bits() {
        return (double) codebooks * codeBits / inGroup;
    }

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
