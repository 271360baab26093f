package dev.lowbit.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.additive.AdditiveSamples;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.SketchSamples;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.matrix.sketch.TableFormat;
import dev.lowbit.matrix.sum.FreshFactors;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TunableTest {
    private static final int ROWS = 10;
    private static final int COLUMNS = 37;
    private static final int RANK = 3;
    private static final int TOKENS = 7;
    private static final Workers SERIAL = Workers.serial();

    private final RandomStream random = RandomStream.of(5, "test", "tunable");

    private FloatMatrix gaussian(int rows, int columns) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        random.fillGaussian(m);
        return m;
    }

    private SumMatrix sum(DType factors) {
        QuantizedMatrix base =
                BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse("nf4-g64-f16"), SERIAL);
        return SumMatrix.of(
                base, DenseMatrix.of(gaussian(RANK, ROWS), factors), DenseMatrix.of(gaussian(RANK, COLUMNS), factors));
    }

    /** f = Σ dy ∘ (x Ŵᵀ), which is linear in each part: the gradient is f's change per unit, free of error but rounding. */
    private static double objective(QuantizedMatrix matrix, FloatMatrix x, FloatMatrix dy) {
        FloatMatrix y = FloatMatrix.wrap(x.rows(), matrix.rows(), new float[x.rows() * matrix.rows()]);
        matrix.multiply(x, y, SERIAL);
        double sum = 0;
        for (int t = 0; t < y.rows(); t++) {
            for (int i = 0; i < y.columns(); i++) {
                sum += (double) y.get(t, i) * dy.get(t, i);
            }
        }
        return sum;
    }

    @ParameterizedTest
    @ValueSource(strings = {"affine2-g16-f32", "affine3-row-s4x16-bf16", "affine4-g8-f16-sym"})
    void scalesOfIntegers(String format) {
        QuantizedMatrix matrix = AffineQuantizer.quantize(
                        gaussian(ROWS, COLUMNS),
                        Importance.uniform(),
                        (AffineFormat) MatrixFormats.parse(format),
                        SERIAL)
                .matrix();
        gradientsAreThoseOf(matrix);
        untouchedIsStoredAsItWas(matrix);
        assertThat(Tunable.of(matrix, Tunable.Extent.LOW_RANK, SERIAL)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"sketch2-r1-f32", "sketch3-r37-f32", "sketch4-r1-f16"})
    void tablesOfSketches(String format) {
        SketchMatrix matrix = SketchSamples.matrix(gaussian(ROWS, COLUMNS), (SketchFormat) MatrixFormats.parse(format));
        gradientsAreThoseOf(matrix);
        untouchedIsStoredAsItWas(matrix);
        assertThat(Tunable.of(matrix, Tunable.Extent.LOW_RANK, SERIAL)).isEmpty();
    }

    /** Tables of integers are rounded on the way, so that no difference tells their gradient: it is that of the same entries as floats. */
    @Test
    void tablesOfIntegersHaveTheGradientOfFloats() {
        SketchMatrix coded = SketchSamples.matrix(
                gaussian(ROWS, COLUMNS), (SketchFormat) MatrixFormats.parse("sketch3-r1-t5-s6x4-bf16"));
        untouchedIsStoredAsItWas(coded);
        SketchMatrix floats =
                coded.with(StoredTables.round(coded.tables().toArray(), 8, new TableFormat.Direct(DType.F32))
                        .orElseThrow());
        FloatMatrix x = gaussian(TOKENS, COLUMNS);
        FloatMatrix dy = gaussian(TOKENS, ROWS);
        try (Tunable one = Tunable.of(coded, Tunable.Extent.ALL, SERIAL).orElseThrow();
                Tunable other = Tunable.of(floats, Tunable.Extent.ALL, SERIAL).orElseThrow()) {
            one.accumulate(x, dy, SERIAL);
            other.accumulate(x, dy, SERIAL);
            Tunable.TrainablePart tables = one.parts().getFirst();
            assertThat(tables.gradient().toArray())
                    .isEqualTo(other.parts().getFirst().gradient().toArray());
            tables.values().set(0, 0, tables.values().get(0, 0) * 0.999f);
            // a thousandth is less than half a step of 15: the product does not see it
            assertThat(objective(one.matrix(), x, dy)).isEqualTo(objective(other.matrix(), x, dy));
        }
    }

    private void gradientsAreThoseOf(QuantizedMatrix matrix) {
        FloatMatrix x = gaussian(TOKENS, COLUMNS);
        FloatMatrix dy = gaussian(TOKENS, ROWS);
        try (Tunable tunable = Tunable.of(matrix, Tunable.Extent.ALL, SERIAL).orElseThrow()) {
            numbersAreCounted(tunable, matrix.format());
            tunable.accumulate(x, dy, SERIAL);
            tunable.accumulate(x, dy, SERIAL);
            for (Tunable.TrainablePart part : tunable.parts()) {
                for (int i = 0; i < part.values().rows(); i++) {
                    for (int j = 0; j < part.values().columns(); j++) {
                        float old = part.values().get(i, j);
                        part.values().set(i, j, old + 1);
                        double above = objective(tunable.matrix(), x, dy);
                        part.values().set(i, j, old - 1);
                        double below = objective(tunable.matrix(), x, dy);
                        part.values().set(i, j, old);
                        // products of about 1000, each rounded at 6e-8
                        assertThat((double) part.gradient().get(i, j))
                                .as(part.name())
                                .isCloseTo(above - below, org.assertj.core.data.Offset.offset(2e-3));
                    }
                }
            }
        }
    }

    /** What memory is asked for by is no less than what there is, and not twice as much but for a few. */
    private static void numbersAreCounted(Tunable tunable, String format) {
        long numbers =
                tunable.parts().stream().mapToLong(part -> part.values().size()).sum();
        MatrixFormat parsed = MatrixFormats.parse(format);
        long counted = Tunable.trainedNumbers(parsed, ROWS, COLUMNS, Tunable.Extent.ALL, false);
        assertThat(counted).isGreaterThanOrEqualTo(numbers);
        boolean codedScales = parsed.layout(ROWS, COLUMNS).stream()
                .anyMatch(part -> part.name().equals("super_scales"));
        if (!codedScales) {
            assertThat(counted).isLessThanOrEqualTo(numbers + 1 + (1L << 4));
        }
    }

    /** So that one learning rate is right for factors of any size; a factor that is still zero has its partner's. */
    @Test
    void factorsAreSteppedByTheirSize() {
        SumMatrix sum = sum(DType.F32);
        try (Tunable tunable = Tunable.of(sum, Tunable.Extent.LOW_RANK, SERIAL).orElseThrow()) {
            for (Tunable.TrainablePart part : tunable.parts()) {
                double squares = 0;
                for (float value : part.values().toArray()) {
                    squares += (double) value * value;
                }
                assertThat(part.unit())
                        .isCloseTo(Math.sqrt(squares / part.values().size()), within(1e-6));
            }
        }
        SumMatrix fresh = FreshFactors.add(sum.base(), RANK, random);
        try (Tunable tunable =
                Tunable.of(fresh, Tunable.Extent.LOW_RANK, SERIAL).orElseThrow()) {
            double left = tunable.parts().get(0).unit();
            assertThat(left).isPositive().isEqualTo(tunable.parts().get(1).unit());
        }
    }

    @Test
    void gradientsOfALowRankSum() {
        gradientsAreThoseOf(sum(DType.F32));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"lc3-g16-s4x16-bf16", "lc2-g8-s3x4-fp16-flat", "nf4-g16-s8x16-fp32", "nf3-g64-f16", "lc4-g32-f16"
            })
    void gradientsOfCodebooksAndScales(String format) {
        gradientsAreThoseOf(BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse(format), SERIAL));
    }

    @ParameterizedTest
    @ValueSource(strings = {"lc3-g16-s4x16-bf16", "lc2-g8-s3x4-fp16-flat", "nf4-g16-s8x16-fp32", "nf3-g64-f16"})
    void untouchedBlocksAreStoredAsTheyWere(String format) {
        QuantizedMatrix matrix = BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse(format), SERIAL);
        untouchedIsStoredAsItWas(matrix);
    }

    private static void untouchedIsStoredAsItWas(QuantizedMatrix matrix) {
        try (Tunable tunable = Tunable.of(matrix, Tunable.Extent.ALL, SERIAL).orElseThrow()) {
            QuantizedMatrix stored = tunable.stored(SERIAL);
            assertThat(stored.format()).isEqualTo(matrix.format());
            for (int i = 0; i < matrix.parts().size(); i++) {
                assertThat(stored.parts()
                                .get(i)
                                .bytes()
                                .mismatch(matrix.parts().get(i).bytes()))
                        .as(matrix.parts().get(i).name())
                        .isEqualTo(-1);
            }
        }
    }

    private AdditiveMatrix additive(String format) {
        return AdditiveSamples.matrix(gaussian(ROWS, COLUMNS), (AdditiveFormat) MatrixFormats.parse(format));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"aq1x3-g4-row-f32", "aq2x2-g8-s16-s4x16-bf16", "aq3x1-g5o2-row-f16", "aq1x2-g4o3-s8-s3x4-fp16"})
    void codewordsAndTheirScales(String format) {
        gradientsAreThoseOf(additive(format));
        untouchedIsStoredAsItWas(additive(format));
        assertThat(Tunable.of(additive(format), Tunable.Extent.LOW_RANK, SERIAL))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"aq2x2-g8-row-f16", "nf2-g16-f16", "lc2-g16-s4x16-bf16"})
    void theGradientOfTheTargetOfCodesIsDense(String format) {
        QuantizedMatrix matrix = format.startsWith("aq")
                ? additive(format)
                : BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse(format), SERIAL);
        FloatMatrix x = gaussian(TOKENS, COLUMNS);
        FloatMatrix dy = gaussian(TOKENS, ROWS);
        try (Tunable tunable = Tunable.of(matrix, Tunable.Extent.CODES, SERIAL).orElseThrow();
                Tunable values = Tunable.of(matrix, Tunable.Extent.ALL, SERIAL).orElseThrow()) {
            tunable.accumulate(x, dy, SERIAL);
            values.accumulate(x, dy, SERIAL);
            Tunable.TrainablePart target = tunable.discrete().orElseThrow().target();
            assertThat(tunable.parts()).hasSize(values.parts().size() + 1).contains(target);
            FloatMatrix decoded = FloatMatrix.allocate(ROWS, COLUMNS);
            matrix.dequantize(0, decoded, SERIAL);
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < COLUMNS; j++) {
                    double sum = 0;
                    for (int t = 0; t < TOKENS; t++) {
                        sum += (double) dy.get(t, i) * x.get(t, j);
                    }
                    assertThat((double) target.gradient().get(i, j)).isCloseTo(sum, within(1e-4));
                    // the live scale is fused, the stored one need not be
                    assertThat(target.values().get(i, j)).isCloseTo(decoded.get(i, j), within(2e-6f));
                }
            }
            for (int p = 0; p < values.parts().size(); p++) {
                assertThat(tunable.parts().get(p).gradient().toArray())
                        .isEqualTo(values.parts().get(p).gradient().toArray());
            }
            assertThat(tunable.stored(SERIAL)
                            .parts()
                            .getFirst()
                            .bytes()
                            .mismatch(matrix.parts().getFirst().bytes()))
                    .isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"aq2x2-g8-row-f16", "lc2-g16-s4x16-bf16"})
    void matricesWithPartsInCommonHaveOneSumOfGradients(String format) {
        QuantizedMatrix matrix = format.startsWith("aq")
                ? additive(format)
                : BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse(format), SERIAL);
        FloatMatrix x = gaussian(TOKENS, COLUMNS);
        FloatMatrix dy = gaussian(TOKENS, ROWS);
        for (Tunable.Extent extent : new Tunable.Extent[] {Tunable.Extent.ALL, Tunable.Extent.CODES}) {
            try (Tunable first = Tunable.of(matrix, extent, SERIAL).orElseThrow();
                    Tunable second = Tunable.of(matrix, extent, Optional.of(first), SERIAL)
                            .orElseThrow()) {
                Tunable.TrainablePart common = first.parts().getFirst();
                assertThat(second.parts().getFirst()).isSameAs(common);
                first.accumulate(x, dy, SERIAL);
                float[] once = common.gradient().toArray();
                second.accumulate(x, dy, SERIAL);
                float[] twice = common.gradient().toArray();
                for (int i = 0; i < once.length; i++) {
                    assertThat(twice[i]).isEqualTo(2 * once[i]);
                }
                common.values().set(0, 1, 0.25f);
                FloatMatrix ofFirst = FloatMatrix.allocate(ROWS, COLUMNS);
                FloatMatrix ofSecond = FloatMatrix.allocate(ROWS, COLUMNS);
                first.stored(SERIAL).dequantize(0, ofFirst, SERIAL);
                second.stored(SERIAL).dequantize(0, ofSecond, SERIAL);
                assertThat(ofSecond.toArray()).isEqualTo(ofFirst.toArray());
            }
        }
    }

    @Test
    void aCodebookThatLeavesItsOrderKeepsItsWeights() {
        QuantizedMatrix matrix =
                BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse("lc2-g16-s4x16-bf16"), SERIAL);
        try (Tunable tunable = Tunable.of(matrix, Tunable.Extent.ALL, SERIAL).orElseThrow()) {
            FloatMatrix codebook = tunable.parts().getFirst().values();
            float first = codebook.get(0, 0);
            codebook.set(0, 0, codebook.get(0, 2));
            codebook.set(0, 2, first);
            FloatMatrix live = FloatMatrix.allocate(ROWS, COLUMNS);
            tunable.matrix().dequantize(0, live, SERIAL);
            FloatMatrix stored = FloatMatrix.allocate(ROWS, COLUMNS);
            tunable.stored(SERIAL).dequantize(0, stored, SERIAL);
            for (int i = 0; i < ROWS; i++) {
                for (int j = 0; j < COLUMNS; j++) {
                    // the live scale is fused, the stored one is not: one rounding of a scale and one of a product
                    assertThat(stored.get(i, j))
                            .isCloseTo(live.get(i, j), org.assertj.core.data.Offset.offset(4e-7f * 4));
                }
            }
        }
    }

    @Test
    void gradientsOfASumWithItsBase() {
        QuantizedMatrix base =
                BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse("lc3-g16-s4x16-bf16"), SERIAL);
        gradientsAreThoseOf(SumMatrix.of(
                base,
                DenseMatrix.of(gaussian(RANK, ROWS), DType.F32),
                DenseMatrix.of(gaussian(RANK, COLUMNS), DType.F32)));
    }

    @Test
    void gradientsOfADenseMatrix() {
        gradientsAreThoseOf(DenseMatrix.of(gaussian(ROWS, COLUMNS), DType.F32));
        gradientsAreThoseOf(new FloatWeights(gaussian(ROWS, COLUMNS)));
        assertThat(Tunable.of(DenseMatrix.of(gaussian(ROWS, COLUMNS), DType.F32), Tunable.Extent.LOW_RANK, SERIAL))
                .isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {"F32", "BF16", "F16"})
    void untouchedPartsAreStoredAsTheyWere(String type) {
        untouchedIsStoredAsItWas(sum(DType.valueOf(type)));
    }

    @Test
    void factorsInBlocksKeepTheirFormat() {
        QuantizedMatrix base =
                BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse("nf4-g64-f16"), SERIAL);
        BlockFormat nf8 = BlockFormat.parse("nf8-g64-s8x256-fp32-flat");
        SumMatrix matrix = SumMatrix.of(
                base,
                BlockQuantizer.quantize(gaussian(RANK, ROWS), nf8, SERIAL),
                BlockQuantizer.quantize(gaussian(RANK, COLUMNS), nf8, SERIAL));
        try (Tunable tunable = Tunable.of(matrix, Tunable.Extent.ALL, SERIAL).orElseThrow()) {
            assertThat(tunable.stored(SERIAL).format()).isEqualTo(matrix.format());
            assertThat(tunable.stored(SERIAL).bytes()).isEqualTo(matrix.bytes());
        }
    }

    @Test
    void codesAloneHaveNothingToTrain() {
        QuantizedMatrix blocks =
                BlockQuantizer.quantize(gaussian(ROWS, COLUMNS), BlockFormat.parse("nf4-g64-f16"), SERIAL);
        assertThat(Tunable.of(blocks, Tunable.Extent.LOW_RANK, SERIAL)).isEmpty();
    }

    @Test
    void divergedTrainingIsRefusedInOneSentence() {
        try (Tunable tunable =
                Tunable.of(sum(DType.BF16), Tunable.Extent.LOW_RANK, SERIAL).orElseThrow()) {
            tunable.parts().getFirst().values().set(1, 2, Float.NaN);
            assertThatThrownBy(() -> tunable.stored(SERIAL))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("left")
                    .hasMessageContaining("row 1, column 2");
        }
    }
}
