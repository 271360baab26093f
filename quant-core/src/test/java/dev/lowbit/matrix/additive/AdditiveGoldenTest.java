package dev.lowbit.matrix.additive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Weights that the published decoder made of float codewords and scales. */
class AdditiveGoldenTest {
    /** Relative error of rounding to F16, for values that are normal in it. */
    private static final double HALF_ULP = 0x1p-11;

    /** Largest error of rounding to F16 below them. */
    private static final double SUBNORMAL = 0x1p-25;

    static List<Path> files() {
        return SharedData.files("golden/pv-tuning", "dequant", ".safetensors");
    }

    @ParameterizedTest
    @MethodSource("files")
    void decodesAsThePublishedCode(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assertThat(file.prefixes("codes")).isNotEmpty();
            file.prefixes("codes").forEach(name -> decode(file, name));
        }
    }

    private static void decode(GoldenFile file, String name) {
        List<Long> shape = file.shape(name + ".codes");
        List<Long> books = file.shape(name + ".codebooks");
        int outGroup = books.get(2).intValue();
        int inGroup = books.get(3).intValue();
        int rows = shape.get(0).intValue() * outGroup;
        int columns = shape.get(1).intValue() * inGroup;
        float[] scales = file.floats(name + ".scales");
        boolean ofRow = scales.length == shape.get(0);
        int bits = Long.numberOfTrailingZeros(books.get(1));
        AdditiveFormat format = new AdditiveFormat(
                books.get(0).intValue(),
                bits,
                inGroup,
                outGroup,
                ofRow ? 0 : inGroup,
                new ScaleFormat.OneLevel(DType.F16));
        int[] codes = new int[(int) format.codeCount(rows, columns)];
        double[] stored = file.numbers(name + ".codes");
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (int) stored[i];
        }
        float[] codebooks = file.floats(name + ".codebooks");
        AdditiveMatrix matrix = AdditiveMatrix.of(
                rows,
                columns,
                format,
                codes,
                EncodedScales.encode(scales, format.scales()).orElseThrow(),
                codebooks);
        FloatMatrix decoded = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        matrix.dequantize(0, decoded, Workers.serial());
        float[] expected = file.floats(name + ".weight");
        for (int i = 0; i < expected.length; i++) {
            assertThat(Math.abs(decoded.toArray()[i] - expected[i]))
                    .as("%s, weight %d", name, i)
                    .isLessThanOrEqualTo((float) tolerance(matrix, codebooks, scales, i));
        }
    }

    /** What rounding of the scale and of each codeword can change, 1e-6 of the original's own arithmetic, and K + 1 roundings of ours. */
    private static double tolerance(AdditiveMatrix matrix, float[] codebooks, float[] scales, int weight) {
        AdditiveFormat format = matrix.additiveFormat();
        int row = weight / matrix.columns();
        int column = weight % matrix.columns();
        int p = row / format.outGroup();
        int q = column / format.inGroup();
        int inTile = row % format.outGroup() * format.inGroup() + column % format.inGroup();
        double magnitude = 0;
        char[] codes = matrix.codes(p);
        for (int m = 0; m < format.codebooks(); m++) {
            int word = m * format.entries() + codes[q * format.codebooks() + m];
            magnitude += Math.abs(codebooks[word * format.tileSize() + inTile]);
        }
        int group = format.scaleColumns() == 0 ? 0 : column / format.scaleColumns();
        double scale = scales[p * format.scalesOfRow(matrix.columns()) + group];
        double ofWords = magnitude * HALF_ULP + format.codebooks() * SUBNORMAL;
        double ofScale = scale * HALF_ULP + SUBNORMAL;
        double exact = scale * ofWords + (magnitude + ofWords) * ofScale;
        return exact + (format.codebooks() + 1) * 0x1p-24 * (scale + ofScale) * (magnitude + ofWords) + 1e-6;
    }

    /** Rows of outputs, inputs, g, rows of a codeword, K, B, bits of a scale, bits a weight; with 0 bits of a scale rows have one of 16. */
    @Test
    void bitsPerWeightAreTheOriginals() {
        int compared = 0;
        for (Path path : SharedData.files("golden/pv-tuning", "bits", ".safetensors")) {
            try (GoldenFile file = new GoldenFile(path)) {
                double[] table = file.numbers("table");
                for (int at = 0; at < table.length; at += 8) {
                    int rows = (int) table[at];
                    int columns = (int) table[at + 1];
                    int inGroup = (int) table[at + 2];
                    int scaleBits = (int) table[at + 6];
                    if (scaleBits != 0 && scaleBits != 16) {
                        continue; // codes of scales by a table of each row, which we do not have
                    }
                    AdditiveFormat format = new AdditiveFormat(
                            (int) table[at + 4],
                            (int) table[at + 5],
                            inGroup,
                            (int) table[at + 3],
                            scaleBits == 0 ? 0 : inGroup,
                            new ScaleFormat.OneLevel(DType.F16));
                    double bits = 8.0 * format.bytes(rows, columns) / rows / columns;
                    assertThat(bits)
                            .as("%s %d x %d", format, rows, columns)
                            .isCloseTo(table[at + 7], within(1e-12 * bits));
                    compared++;
                }
            }
        }
        assertThat(compared).isPositive();
    }
}
