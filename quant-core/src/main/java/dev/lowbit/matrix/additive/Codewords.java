package dev.lowbit.matrix.additive;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import java.util.Arrays;
import java.util.List;

/** The codewords of all codebooks as floats, in the orders that decoding and tables want. Immutable. */
final class Codewords {
    /** K. */
    final int codebooks;

    /** M. */
    final int entries;

    final int inGroup;

    /** Weights of a tile. */
    final int tileSize;

    /** K x M x tile, row-major, and {@link AdditiveKernels#SLACK} zeros; not modified. */
    final float[] values;

    private volatile float[] transposed;

    /** @param values K x M x tile, all finite; not modified */
    private Codewords(AdditiveFormat format, float[] values) {
        this(format.codebooks(), format.entries(), format.inGroup(), format.tileSize(), values);
    }

    private Codewords(int codebooks, int entries, int inGroup, int tileSize, float[] values) {
        this.codebooks = codebooks;
        this.entries = entries;
        this.inGroup = inGroup;
        this.tileSize = tileSize;
        this.values = Arrays.copyOf(values, values.length + AdditiveKernels.SLACK);
    }

    /**
     * Rounds codewords to F16.
     *
     * @param wanted K x M x tile; not modified
     * @throws InvalidRequestException when one is no number or overflows F16
     */
    static Codewords round(AdditiveFormat format, float[] wanted) {
        float[] rounded = new float[wanted.length];
        for (int i = 0; i < wanted.length; i++) {
            rounded[i] = ScaleType.round(DType.F16, wanted[i]);
            if (!Float.isFinite(rounded[i])) {
                throw InvalidRequestException.impossible("codeword " + i / format.tileSize() + " holds " + wanted[i]
                        + ", which F16 cannot store; put its size into the scales");
            }
        }
        return new Codewords(format, rounded);
    }

    /**
     * Codewords that F16 need not hold, as they are while they are trained.
     *
     * @param values K x M x tile; not modified
     */
    static Codewords unrounded(AdditiveFormat format, float[] values) {
        return new Codewords(format, values);
    }

    /**
     * Reads the stored part.
     *
     * @throws MalformedPartException when a value is no number
     */
    static Codewords read(AdditiveFormat format, Part part) {
        float[] values = ScaleType.read(DType.F16, part.bytes());
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw new MalformedPartException(
                        part.name(), "holds " + values[i] + " at index " + i + "; codewords are finite");
            }
        }
        return new Codewords(format, values);
    }

    /** The stored form. */
    Part part() {
        List<Long> shape = List.of((long) codebooks, (long) entries, (long) tileSize);
        return new Part(
                AdditiveFormat.CODEBOOKS,
                DType.F16,
                shape,
                ScaleType.part(AdditiveFormat.CODEBOOKS, DType.F16, toArray()).bytes());
    }

    /** K x M x tile, row-major; a copy. */
    float[] toArray() {
        return Arrays.copyOf(values, codebooks * entries * tileSize);
    }

    /** The same with zeros behind the first rows and columns of a tile: for tiles that reach beyond the matrix. */
    Codewords within(int rows, int columns) {
        if (rows * inGroup == tileSize && columns == inGroup) {
            return this;
        }
        float[] inside = toArray();
        for (int i = 0; i < inside.length; i++) {
            if (i % tileSize / inGroup >= rows || i % inGroup >= columns) {
                inside[i] = 0;
            }
        }
        return new Codewords(codebooks, entries, inGroup, tileSize, inside);
    }

    /** -½ &lt;c, c&gt; of every codeword, codebook after codebook. */
    float[] negatedHalfSquares() {
        float[] offsets = new float[count()];
        for (int word = 0; word < offsets.length; word++) {
            double sum = 0;
            for (int i = word * tileSize; i < (word + 1) * tileSize; i++) {
                sum += (double) values[i] * values[i];
            }
            offsets[word] = (float) (-0.5 * sum);
        }
        return offsets;
    }

    /** Codewords of all codebooks, K M. */
    int count() {
        return codebooks * entries;
    }

    /** The transpose of K M x tile, made at the first use; not modified. */
    float[] transposed() {
        float[] columns = transposed;
        if (columns == null) {
            int count = count();
            columns = new float[count * tileSize];
            for (int word = 0; word < count; word++) {
                for (int i = 0; i < tileSize; i++) {
                    columns[i * count + word] = values[word * tileSize + i];
                }
            }
            transposed = columns;
        }
        return columns;
    }
}
