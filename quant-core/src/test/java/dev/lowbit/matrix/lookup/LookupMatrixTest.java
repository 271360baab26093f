package dev.lowbit.matrix.lookup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Accuracy;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Products by lookup stay within the bound that {@link LookupMatrix} states, computed here from its definition in double. */
@Tag("kernels")
class LookupMatrixTest {
    private static final int[][] SHAPES = {
        {1, 1}, {1, 37}, {37, 1}, {63, 64}, {64, 65}, {65, 130}, {127, 96}, {129, 200}, {1100, 72}
    };
    private static final List<String> FORMATS = List.of(
            "nf2-g64-s8x256-bf16",
            "nf3-g64-bf16",
            "nf4-g64-s8x256-bf16",
            "nf4-g16-f32",
            "nf4-g100-f16",
            "int1-g32-f16",
            "lc2-g16-s4x16-fp32",
            "int3-g7-f32",
            "nf2-g64-f16-flat",
            "affine2-g32-f16",
            "affine3-g64-f32",
            "affine4-g128-f16",
            "affine4-row-f32",
            "affine4-g6-f16",
            "aq2x8-g8-row-bf16",
            "aq1x8-g8-row-f16",
            "aq3x5-g4-row-f32",
            "aq1x6-g8-s16-f32",
            "aq2x7-g3-row-f32",
            "aq8x2-g1-row-f32");

    @BeforeEach
    void needsLookups() {
        assumeTrue(LookupMatrix.available(), "skipped: no products by lookup on this machine");
    }

    record Case(String format, int rows, int columns) {
        QuantizedMatrix matrix() {
            Random random = new Random(format.hashCode() + 31L * rows + columns);
            MatrixFormat parsed = MatrixFormats.parse(format);
            float[] weights = new float[rows * columns];
            for (int i = 0; i < weights.length; i++) {
                weights[i] = (float) random.nextGaussian() + 0.3f;
            }
            FloatMatrix w = FloatMatrix.wrap(rows, columns, weights);
            return switch (parsed) {
                case BlockFormat block -> BlockQuantizer.quantize(w, Importance.uniform(), block, Workers.serial());
                case AffineFormat affine ->
                    AffineQuantizer.quantize(w, Importance.uniform(), affine, Workers.serial())
                            .matrix();
                case AdditiveFormat additive -> additive(additive, random);
                default -> throw new AssertionError(format);
            };
        }

        private QuantizedMatrix additive(AdditiveFormat f, Random random) {
            int[] codes = random.ints((long) rows * f.tileColumns(columns) * f.codebooks(), 0, f.entries())
                    .toArray();
            float[] scales = new float[f.scaleCount(rows, columns)];
            for (int i = 0; i < scales.length; i++) {
                scales[i] = 0.5f + random.nextFloat();
            }
            float[] words = new float[f.codebooks() * f.entries() * f.tileSize()];
            for (int i = 0; i < words.length; i++) {
                words[i] = (float) random.nextGaussian();
            }
            return AdditiveMatrix.of(
                    rows,
                    columns,
                    f,
                    codes,
                    EncodedScales.encode(scales, f.scales()).orElseThrow(),
                    words);
        }

        @Override
        public String toString() {
            return format + " " + rows + "x" + columns;
        }
    }

    /** Less than a part, and several of them. */
    static Stream<Case> twoSizes() {
        return FORMATS.stream().flatMap(f -> Stream.of(new Case(f, 63, 65), new Case(f, 1100, 72)));
    }

    static Stream<Case> cases() {
        return FORMATS.stream().flatMap(f -> Stream.of(SHAPES).map(s -> new Case(f, s[0], s[1])));
    }

    private static FloatMatrix inputs(int tokens, int columns, Random random) {
        float[] x = new float[tokens * columns];
        for (int i = 0; i < x.length; i++) {
            x[i] = random.nextInt(9) == 0 ? 0 : (float) (random.nextGaussian() * (random.nextInt(20) == 0 ? 30 : 1));
        }
        return FloatMatrix.wrap(tokens, columns, x);
    }

    private static float[] product(QuantizedMatrix matrix, FloatMatrix x, Workers workers) {
        float[] y = new float[x.rows() * matrix.rows()];
        matrix.multiply(x, FloatMatrix.wrap(x.rows(), matrix.rows(), y), workers);
        return y;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void staysWithinTheBound(Case c) {
        QuantizedMatrix exact = c.matrix();
        QuantizedMatrix fast = exact.prepare(Accuracy.FAST, Workers.serial());
        boolean flat = exact instanceof BlockMatrix block
                && c.format.endsWith("-flat")
                && c.columns % block.blockFormat().groupSize() != 0;
        boolean words = exact instanceof AdditiveMatrix && LookupKernels.get().halves();
        assertThat(fast.accuracy()).isEqualTo(flat || words ? Accuracy.EXACT : Accuracy.FAST);
        if (flat || words) {
            return;
        }
        int tokens = 3;
        FloatMatrix x = inputs(tokens, c.columns, new Random(c.rows));
        float[] y = product(fast, x, Workers.serial());
        FloatMatrix w = FloatMatrix.wrap(c.rows, c.columns, new float[c.rows * c.columns]);
        exact.dequantize(0, w, Workers.serial());
        for (int t = 0; t < tokens; t++) {
            Domains domains = new Domains(exact, x, t);
            for (int row = 0; row < c.rows; row++) {
                double sum = 0;
                for (int j = 0; j < c.columns; j++) {
                    sum += (double) w.get(row, j) * x.get(t, j);
                }
                assertThat(Math.abs(y[t * c.rows + row] - sum))
                        .as("row %d of %s", row, c)
                        .isLessThanOrEqualTo(domains.bound(w, x, t, row));
            }
        }
    }

    /** The units of a token's domains and what a row's error is bounded by, after the javadoc of {@link LookupMatrix}. */
    private static final class Domains {
        private final QuantizedMatrix matrix;
        private int group;
        private final int halves = LookupKernels.get().halves() ? 2 : 1;
        private int span = 1;
        private int codebooks = 1;
        private double reach;
        private float[] words;

        /** Where codes of a grid are multiplied with inputs of 8 bits: their middle. */
        private int middle;

        Domains(QuantizedMatrix matrix, FloatMatrix x, int token) {
            this.matrix = matrix;
            int columns = matrix.columns();
            switch (matrix) {
                case BlockMatrix m -> {
                    float[] levels = m.codebook().values();
                    reach = levels[levels.length - 1] - (double) levels[0];
                    span = 8 / m.blockFormat().codeBits();
                    group = Math.min(columns, m.blockFormat().groupSize());
                }
                case AffineMatrix m -> {
                    reach = m.affineFormat().largestCode();
                    span = 8 / m.affineFormat().codeBits();
                    group = m.affineFormat().groupColumns(columns);
                    middle = Lookups.multipliesGrids(m.affineFormat().codeBits(), group)
                            ? m.affineFormat().middle()
                            : 0;
                }
                case AdditiveMatrix m -> {
                    words = m.codebooks();
                    span = m.additiveFormat().inGroup();
                    codebooks = m.additiveFormat().codebooks();
                    int scaled = m.additiveFormat().scaleColumns();
                    group = scaled == 0 ? columns : scaled;
                }
                default -> throw new AssertionError(matrix.format());
            }
        }

        private double range(FloatMatrix x, int token, int from, int to, int codebook) {
            if (words == null) {
                double sum = 0;
                for (int j = from; j < to; j++) {
                    sum += Math.abs((double) x.get(token, j)) * reach;
                }
                return sum;
            }
            int entries = words.length / codebooks / span;
            double least = Double.POSITIVE_INFINITY;
            double most = Double.NEGATIVE_INFINITY;
            for (int e = 0; e < entries; e++) {
                double sum = 0;
                for (int j = from; j < to; j++) {
                    sum += (double) words[(codebook * entries + e) * span + j - from] * x.get(token, j);
                }
                least = Math.min(least, sum);
                most = Math.max(most, sum);
            }
            return most - least;
        }

        private double scale(int row, int group, int groups) {
            return switch (matrix) {
                case BlockMatrix m -> m.scales().values()[row * groups + group];
                case AffineMatrix m -> m.scales().values()[row * groups + group];
                case AdditiveMatrix m -> m.scales().values()[row * groups + group];
                default -> throw new AssertionError();
            };
        }

        private double offset(int row, int group, int groups, double scale) {
            return matrix instanceof AffineMatrix m
                    ? scale * (m.affineFormat().middle() - (m.zeros()[row * groups + group] & 0xff))
                    : 0;
        }

        double bound(FloatMatrix w, FloatMatrix x, int token, int row) {
            int columns = matrix.columns();
            int groups = Math.ceilDiv(columns, group);
            int most = middle == 0 ? span * Math.max(1, Math.min(64 / span, 257 / codebooks)) : 256 / middle;
            int wide = Math.min(group, most);
            double bound = 0;
            for (int g = 0; g < groups; g++) {
                double scale = scale(row, g, groups);
                double offset = offset(row, g, groups, scale);
                int end = Math.min(columns, (g + 1) * group);
                for (int from = g * group; from < end; from += wide) {
                    int to = Math.min(end, from + wide);
                    int lookups = 0;
                    double unit = 0;
                    double ranges = 0;
                    int columnsOfTable = span / (words == null ? halves : 1);
                    for (int at = from; at < to; at += columnsOfTable) {
                        for (int k = 0; k < codebooks; k++, lookups++) {
                            double range = range(x, token, at, Math.min(to, at + columnsOfTable), k);
                            unit = Math.max(unit, range / 255);
                            ranges += range;
                        }
                    }
                    double products = 0;
                    double magnitude = 0;
                    double sum = 0;
                    for (int j = from; j < to; j++) {
                        double input = x.get(token, j);
                        products += (w.get(row, j) - offset) * input;
                        magnitude += Math.abs(w.get(row, j) * input) + Math.abs(offset * input);
                        sum += input;
                    }
                    double largest = 0;
                    for (int j = from; j < to && middle > 0; j++) {
                        largest = Math.max(largest, Math.abs(x.get(token, j)));
                    }
                    double rounded = middle == 0
                            ? 0.52 * lookups * unit * Math.abs(scale)
                            : 0.501 * middle * (to - from) * largest / 127 * Math.abs(scale);
                    bound += rounded + 0x1p-8 * (Math.abs(products) + rounded + Math.abs(offset * sum));
                    bound += 0x1p-16 * (magnitude + Math.abs(scale) * (ranges + 255 * lookups * unit));
                }
            }
            return bound;
        }
    }

    @ParameterizedTest
    @MethodSource("twoSizes")
    void sameBitsForAnyWorkersAndTokens(Case c) {
        QuantizedMatrix exact = c.matrix();
        FloatMatrix x = inputs(19, c.columns, new Random(c.columns));
        try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
            Workers many = Workers.on(executor, 3);
            QuantizedMatrix one = exact.prepare(Accuracy.FAST, Workers.serial());
            QuantizedMatrix other = exact.prepare(Accuracy.FAST, many);
            float[] expected = product(one, x, Workers.serial());
            assertThat(product(other, x, many)).isEqualTo(expected);
            if (one.accuracy() == Accuracy.FAST) {
                for (int t : new int[] {0, 7, 18}) {
                    float[] alone = product(one, x.rows(t, 1), Workers.serial());
                    for (int row = 0; row < c.rows; row++) {
                        assertThat(alone[row]).isEqualTo(expected[t * c.rows + row]);
                    }
                }
            }
        }
    }

    @Test
    void smallOfTheOutputs() {
        for (String format : List.of(
                "affine2-g64-f16",
                "affine3-g64-f16",
                "affine4-g128-f16",
                "nf2-g64-f16",
                "nf4-g64-f16",
                "aq2x8-g8-row-f32")) {
            Case c = new Case(format, 256, 4096);
            QuantizedMatrix exact = c.matrix();
            Random random = new Random(1);
            float[] values = new float[4096];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            FloatMatrix x = FloatMatrix.wrap(1, 4096, values);
            float[] expected = product(exact, x, Workers.serial());
            float[] actual = product(exact.prepare(Accuracy.FAST, Workers.serial()), x, Workers.serial());
            double error = 0;
            double size = 0;
            for (int i = 0; i < expected.length; i++) {
                error += (actual[i] - (double) expected[i]) * (actual[i] - (double) expected[i]);
                size += (double) expected[i] * expected[i];
            }
            assertThat(Math.sqrt(error / size)).as(format).isLessThan(0.02);
        }
    }

    @Test
    void zerosGiveZerosAndNoNumbersNone() {
        for (String format : FORMATS) {
            Case c = new Case(format, 70, 130);
            QuantizedMatrix fast = c.matrix().prepare(Accuracy.FAST, Workers.serial());
            assertThat(product(fast, FloatMatrix.wrap(1, 130, new float[130]), Workers.serial()))
                    .containsOnly(0f);
            for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
                float[] x = new float[130];
                x[77] = bad;
                float[] y = product(fast, FloatMatrix.wrap(1, 130, x), Workers.serial());
                for (float value : y) {
                    assertThat(Float.isFinite(value)).as(format).isFalse();
                }
            }
        }
    }

    @Test
    void everythingElseIsTheSource() {
        QuantizedMatrix exact = new Case("nf3-g64-bf16", 130, 200).matrix();
        QuantizedMatrix fast = exact.prepare(Accuracy.FAST, Workers.serial());
        assertThat(exact.prepare(Accuracy.EXACT, Workers.serial())).isSameAs(exact);
        assertThat(fast.parts()).isSameAs(exact.parts());
        assertThat(fast.format()).isEqualTo(exact.format());
        assertThat(fast.bytes()).isEqualTo(exact.bytes());
        assertThat(exact.readBytes()).isEqualTo(exact.bytes());
        // 256 rows of 4 domains of 64, 64, 64 and 8 columns, a byte for two columns; a scale of 2 bytes for each
        assertThat(fast.readBytes()).isEqualTo(256 * (100 + 4 * 2));
        float[] x = new float[130];
        x[3] = 1;
        float[] ofExact = new float[200];
        float[] ofFast = new float[200];
        exact.multiplyTransposed(FloatMatrix.wrap(1, 130, x), FloatMatrix.wrap(1, 200, ofExact), Workers.serial());
        fast.multiplyTransposed(FloatMatrix.wrap(1, 130, x), FloatMatrix.wrap(1, 200, ofFast), Workers.serial());
        assertThat(ofFast).isEqualTo(ofExact);
        assertThatThrownBy(() -> fast.multiply(
                        FloatMatrix.wrap(1, 3, new float[3]),
                        FloatMatrix.wrap(1, 130, new float[130]),
                        Workers.serial()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aSumPreparesItsBase() {
        QuantizedMatrix base = new Case("nf2-g64-f16", 130, 128).matrix();
        Random random = new Random(5);
        QuantizedMatrix left = DenseMatrix.of(inputs(2, 130, random), DType.F16);
        QuantizedMatrix right = DenseMatrix.of(inputs(2, 128, random), DType.F16);
        QuantizedMatrix sum = SumMatrix.of(base, left, right);
        QuantizedMatrix fast = sum.prepare(Accuracy.FAST, Workers.serial());
        assertThat(fast.accuracy()).isEqualTo(Accuracy.FAST);
        assertThat(sum.accuracy()).isEqualTo(Accuracy.EXACT);
        assertThat(fast.readBytes()).isEqualTo(256 * (32 + 2 * 2) + left.bytes() + right.bytes());
        assertThat(fast.parts()).isEqualTo(sum.parts());
        FloatMatrix x = inputs(1, 128, random);
        float[] difference = product(fast, x, Workers.serial());
        float[] exact = product(sum, x, Workers.serial());
        float[] ofBases = product(base.prepare(Accuracy.FAST, Workers.serial()), x, Workers.serial());
        float[] ofBase = product(base, x, Workers.serial());
        for (int i = 0; i < exact.length; i++) {
            assertThat(difference[i] - exact[i]).isCloseTo(ofBases[i] - ofBase[i], within(1e-3f));
        }
    }
}
