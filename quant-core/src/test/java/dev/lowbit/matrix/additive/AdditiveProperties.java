package dev.lowbit.matrix.additive;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.tensor.FloatMatrix;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class AdditiveProperties {
    private static final String[] SCALES = {"f16", "bf16", "f32", "s3x5-fp16", "s8x64-fp32"};

    private static AdditiveFormat format(Random random) {
        int inGroup = 1 + random.nextInt(20);
        int outGroup = random.nextInt(3) == 0 ? 2 + random.nextInt(7) : 1;
        String id = "aq" + (1 + random.nextInt(4)) + "x" + (1 + random.nextInt(10)) + "-g" + inGroup
                + (outGroup == 1 ? "" : "o" + outGroup)
                + (random.nextBoolean() ? "-row-" : "-s" + inGroup * (1 + random.nextInt(4)) + "-")
                + SCALES[random.nextInt(SCALES.length)];
        return (AdditiveFormat) MatrixFormats.parse(id);
    }

    private static FloatMatrix weights(Random random, int rows, int columns) {
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return FloatMatrix.wrap(rows, columns, values);
    }

    /** Whatever the format and shape, stored bytes decode to the formula's bits. */
    @Property(tries = 200)
    void decodesTheFormula(
            @ForAll int seed,
            @ForAll @IntRange(min = 1, max = 40) int rows,
            @ForAll @IntRange(min = 1, max = 150) int columns) {
        Random random = new Random(seed);
        AdditiveMatrix matrix = AdditiveSamples.matrix(weights(random, rows, columns), format(random));
        Map<String, Part> parts = new HashMap<>();
        matrix.parts().forEach(part -> parts.put(part.name(), part));
        FloatMatrix out = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        MatrixFormats.read(matrix.format(), rows, columns, parts).dequantize(0, out, Workers.serial());
        assertThat(out.toArray()).isEqualTo(AdditiveSamples.decoded(matrix));
    }

    /** With sizes that divide and a scale in F16 for each row of tiles, the stored bits are the formula of the AQLM paper. */
    @Property(tries = 100)
    void bitsAreTheFormula(
            @ForAll @IntRange(min = 1, max = 8) int codebooks,
            @ForAll @IntRange(min = 1, max = 16) int bits,
            @ForAll @IntRange(min = 1, max = 4) int tileRows,
            @ForAll @IntRange(min = 1, max = 4) int outGroup) {
        AdditiveFormat format = (AdditiveFormat) MatrixFormats.parse(
                "aq" + codebooks + "x" + bits + "-g8" + (outGroup == 1 ? "" : "o" + outGroup) + "-row-f16");
        long codeBits = (long) tileRows * 64 * codebooks * bits;
        long bookBits = (long) codebooks * (1 << bits) * outGroup * 8 * 16;
        assertThat(8 * format.bytes(tileRows * outGroup, 8 * 64)).isEqualTo(codeBits + bookBits + 16L * tileRows);
    }
}
