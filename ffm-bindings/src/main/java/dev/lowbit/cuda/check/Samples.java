package dev.lowbit.cuda.check;

import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.TableFormat;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

/** Matrices of any format whose parts are random, so that every code occurs, also where no quantizer would use it. */
final class Samples {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final Random random;
    private final boolean extreme;

    private Samples(long seed, boolean extreme) {
        this.random = new Random(seed);
        this.extreme = extreme;
    }

    /**
     * A matrix.
     *
     * @param extreme scales are 0, the smallest there is, and large ones, side by side
     */
    static QuantizedMatrix matrix(String format, int rows, int columns, boolean extreme) {
        Samples samples = new Samples(31L * rows + columns, extreme);
        Map<String, Part> parts = new LinkedHashMap<>();
        samples.addParts("", MatrixFormats.parse(format), rows, columns, parts);
        return MatrixFormats.read(format, rows, columns, parts);
    }

    /** Values as a normal distribution has them, every seventh 0. */
    static FloatMatrix normal(int rows, int columns, long seed) {
        Random random = new Random(seed);
        float[] values = new float[Math.multiplyExact(rows, columns)];
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 7 == 6 ? 0 : (float) random.nextGaussian();
        }
        return FloatMatrix.wrap(rows, columns, values);
    }

    private void addParts(String prefix, MatrixFormat format, int rows, int columns, Map<String, Part> parts) {
        if (format instanceof SumFormat sum) {
            addParts(prefix, sum.base(), rows, columns, parts);
            addParts("left.", sum.factor(), sum.rank(), rows, parts);
            addParts("right.", sum.factor(), sum.rank(), columns, parts);
            return;
        }
        for (PartSpec spec : format.layout(rows, columns)) {
            MemorySegment bytes = bytes(spec, format, rows, columns);
            parts.put(prefix + spec.name(), new Part(prefix + spec.name(), spec.type(), spec.shape(), bytes));
        }
    }

    private MemorySegment bytes(PartSpec spec, MatrixFormat format, int rows, int columns) {
        int elements = spec.shape().stream().mapToInt(Long::intValue).reduce(1, Math::multiplyExact);
        return switch (spec.name()) {
            case "codes" -> codes(format, rows, columns);
            case ScaleFormat.SCALE_CODES -> {
                ScaleFormat.TwoLevel two = (ScaleFormat.TwoLevel) scales(format);
                yield bits(scaleCount(format, rows, columns), two.codeBits(), 1 << two.codeBits());
            }
            case "zeros" -> {
                AffineFormat affine = (AffineFormat) format;
                yield bits(affine.groups(rows, columns), affine.codeBits(), 1 << affine.codeBits());
            }
            case TableFormat.TABLE_CODES -> {
                SketchFormat sketch = (SketchFormat) format;
                int width = ((TableFormat.Coded) sketch.tables()).bits();
                yield bits(sketch.tableCount(rows, columns) * sketch.entries(), width, (1 << width) - 1);
            }
            case "group_index" -> groupIndex(((AffineFormat) format).groupsOfRow(columns), columns);
            case ScaleFormat.SCALES, ScaleFormat.SUPER_SCALES, ScaleFormat.OFFSET ->
                ScaleType.part(spec.name(), spec.type(), scaleValues(elements, spec.type()))
                        .bytes();
            case "codebook" -> {
                float[] values = normals(elements, spec.type());
                Arrays.sort(values);
                yield ScaleType.part(spec.name(), spec.type(), values).bytes();
            }
            default ->
                ScaleType.part(spec.name(), spec.type(), normals(elements, spec.type()))
                        .bytes();
        };
    }

    private MemorySegment codes(MatrixFormat format, int rows, int columns) {
        int weights = rows * columns;
        return switch (format) {
            case BlockFormat block -> bits(weights, block.codeBits(), 1 << block.codeBits());
            case AffineFormat affine -> bits(weights, affine.codeBits(), 1 << affine.codeBits());
            case SketchFormat sketch -> bits(weights, sketch.codeBits(), sketch.entries());
            case AdditiveFormat additive ->
                bits(
                        additive.tileRows(rows) * additive.tileColumns(columns) * additive.codebooks(),
                        additive.codeBits(),
                        additive.entries());
            default -> throw new IllegalArgumentException(format.id() + " has no codes");
        };
    }

    private static ScaleFormat scales(MatrixFormat format) {
        return switch (format) {
            case BlockFormat block -> block.scales();
            case AffineFormat affine -> affine.scales();
            case AdditiveFormat additive -> additive.scales();
            case SketchFormat sketch -> ((TableFormat.Coded) sketch.tables()).scales();
            default -> throw new IllegalArgumentException(format.id() + " has no scales");
        };
    }

    private static int scaleCount(MatrixFormat format, int rows, int columns) {
        return switch (format) {
            case BlockFormat block -> (int) block.geometry(rows, columns).blocks();
            case AffineFormat affine -> affine.groups(rows, columns);
            case AdditiveFormat additive -> additive.scaleCount(rows, columns);
            case SketchFormat sketch -> sketch.tableCount(rows, columns);
            default -> throw new IllegalArgumentException(format.id() + " has no scales");
        };
    }

    /** A bit stream of numbers below {@code end}. */
    private MemorySegment bits(int count, int bits, int end) {
        if (end == 1 << bits) { // any bits are codes; those behind the last one are 0
            long size = (long) count * bits;
            byte[] stream = new byte[Math.toIntExact(Math.ceilDiv(size, (long) Byte.SIZE))];
            random.nextBytes(stream);
            if (size % Byte.SIZE != 0) {
                stream[stream.length - 1] &= (byte) ((1 << size % Byte.SIZE) - 1);
            }
            return MemorySegment.ofArray(stream);
        }
        byte[] codes = new byte[count];
        for (int i = 0; i < count; i++) {
            codes[i] = (byte) random.nextInt(end);
        }
        return PackedCodes.pack(codes, bits);
    }

    private MemorySegment groupIndex(int groups, int columns) {
        MemorySegment index = MemorySegment.ofArray(new byte[columns * Integer.BYTES]);
        for (int j = 0; j < columns; j++) {
            index.setAtIndex(INT, j, random.nextInt(groups));
        }
        return index;
    }

    private float[] normals(int count, DType type) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = ScaleType.round(type, (float) random.nextGaussian());
        }
        return values;
    }

    private float[] scaleValues(int count, DType type) {
        float tiny = type == DType.F16 ? 0x1p-24f : type == DType.BF16 ? 0x1p-133f : Float.MIN_VALUE;
        float large = type == DType.F16 ? 65504f : 0x1p100f;
        float[] extremes = {0, tiny, large, 1, 0x1.8p-10f};
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            float value = (float) (random.nextDouble() * StrictMath.pow(2, -random.nextInt(8)));
            values[i] = ScaleType.round(type, extreme ? extremes[random.nextInt(extremes.length)] : value);
        }
        return values;
    }
}
