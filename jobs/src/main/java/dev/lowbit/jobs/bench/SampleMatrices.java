package dev.lowbit.jobs.bench;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseFormat;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.tensor.Shape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Matrices of any format to measure kernels with. Gaussian weights are quantized where that takes no learning; elsewhere codes and values are random:
 * what they are changes what is read from tables, and nothing else.
 */
public final class SampleMatrices {

    private SampleMatrices() {}

    /** Weights of a normal distribution, the same for every format of a shape. */
    public static FloatMatrix gaussian(int rows, int columns) {
        FloatMatrix weights = FloatMatrix.allocate(rows, columns);
        random("weights").fillGaussian(weights);
        return weights;
    }

    private static RandomStream random(String what) {
        return RandomStream.of(0, "bench", what);
    }

    /**
     * A matrix whose parts lie outside of the heap, as those of a mapped file do.
     *
     * @param weights rows x columns; not modified
     * @throws InvalidRequestException as of {@link #require}
     */
    public static QuantizedMatrix of(String id, FloatMatrix weights, Workers workers) {
        int rows = weights.rows();
        int columns = weights.columns();
        MatrixFormat format = require(id, rows, columns);
        QuantizedMatrix made = make(format, weights, workers);
        Map<String, Part> parts = new LinkedHashMap<>();
        for (Part part : made.parts()) {
            MemorySegment bytes =
                    Arena.ofAuto().allocate(part.bytes().byteSize(), Long.BYTES).copyFrom(part.bytes());
            parts.put(part.name(), new Part(part.name(), part.type(), part.shape(), bytes));
        }
        return MatrixFormats.read(made.format(), rows, columns, parts);
    }

    /**
     * The format of an identifier of which there are samples in this shape.
     *
     * @throws InvalidRequestException (usage) when the format is not known, does not suit the shape, or is a sum; (impossible)
     *     when the shape has more codes, blocks or scales than an array holds
     */
    static MatrixFormat require(String id, int rows, int columns) {
        MatrixFormat format = MatrixFormats.parse(id);
        if (!format.suits(rows, columns)) {
            throw InvalidRequestException.usage(id + " does not suit a matrix of " + rows + " x " + columns
                    + "; take a size that its groups divide");
        }
        if (format instanceof SumFormat) {
            throw InvalidRequestException.usage(id
                    + " is not measured by itself; take a format of codes or floats, for example nf4-g64-s8x256-bf16");
        }
        format.layout(rows, columns);
        long codes = switch (format) {
            case SketchFormat sketch -> (long) rows * columns;
            case AdditiveFormat additive ->
                (long) additive.tileRows(rows) * additive.tileColumns(columns) * additive.codebooks();
            default -> 0;
        };
        if (codes > Shape.LARGEST_ARRAY) {
            throw InvalidRequestException.impossible(
                    "a sample of " + rows + " x " + columns + " weights in " + id + " has " + codes
                            + " random codes, at most " + Shape.LARGEST_ARRAY + " are made; take a smaller --size");
        }
        return format;
    }

    private static QuantizedMatrix make(MatrixFormat format, FloatMatrix weights, Workers workers) {
        int rows = weights.rows();
        int columns = weights.columns();
        return switch (format) {
            case BlockFormat blocks -> BlockQuantizer.quantize(weights, Importance.uniform(), blocks, workers);
            case AffineFormat affine ->
                AffineQuantizer.quantize(weights, Importance.uniform(), affine, workers)
                        .matrix();
            case DenseFormat dense -> DenseMatrix.of(weights, dense.type());
            case SketchFormat sketch -> sketch(rows, columns, sketch);
            case AdditiveFormat additive -> additive(rows, columns, additive);
            default -> throw new IllegalArgumentException(format.id() + " has no samples");
        };
    }

    private static SketchMatrix sketch(int rows, int columns, SketchFormat format) {
        byte[] codes = new byte[rows * columns];
        RandomStream stream = random("codes");
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) (stream.nextLong() & (format.entries() - 1));
        }
        float[] values = values(format.tableCount(rows, columns) * format.entries());
        StoredTables tables =
                StoredTables.round(values, format.entries(), format.tables()).orElseThrow(overflow(format));
        return SketchMatrix.of(rows, columns, format, PackedCodes.pack(codes, format.codeBits()), tables);
    }

    private static AdditiveMatrix additive(int rows, int columns, AdditiveFormat format) {
        int[] codes = new int[format.tileRows(rows) * format.tileColumns(columns) * format.codebooks()];
        RandomStream stream = random("codes");
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (int) (stream.nextLong() & (format.entries() - 1));
        }
        float[] scales = new float[format.scaleCount(rows, columns)];
        Arrays.fill(scales, 1f);
        EncodedScales encoded = EncodedScales.encode(scales, format.scales()).orElseThrow(overflow(format));
        float[] codewords = values(format.codebooks() * format.entries() * format.tileSize());
        return AdditiveMatrix.of(rows, columns, format, codes, encoded, codewords);
    }

    private static float[] values(int count) {
        float[] values = new float[count];
        random("values").fillGaussian(FloatMatrix.wrap(1, count, values));
        return values;
    }

    private static Supplier<IllegalStateException> overflow(MatrixFormat format) {
        return () -> new IllegalStateException(format.id() + " cannot hold values around 1");
    }
}
