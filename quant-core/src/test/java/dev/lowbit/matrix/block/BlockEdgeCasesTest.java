package dev.lowbit.matrix.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** LQ-LoRA spec section 12, column "ours": what the reference crashes on. */
class BlockEdgeCasesTest {
    private static final String[] FORMATS = {
        "nf4-g16-s8x4-fp32",
        "nf3-g16-s2x16-bf16-flat",
        "nf2-g32-f16",
        "int1-g8-bf16",
        "nf8-g16-s4x4-fp16",
        "lc2-g16-s4x4-fp16"
    };

    private static float[] roundTrip(FloatMatrix weights, String format) {
        BlockMatrix matrix = BlockQuantizer.quantize(weights, BlockFormat.parse(format), Workers.serial());
        float[] out = new float[weights.rows() * weights.columns()];
        matrix.dequantize(0, FloatMatrix.wrap(weights.rows(), weights.columns(), out), Workers.serial());
        for (int i = 0; i < out.length; i++) {
            assertThat(Float.isFinite(out[i])).as(format).isTrue();
            out[i] += 0f; // a negative code of a zero scale is -0, which is the same value
        }
        double error = 0;
        for (int i = 0; i < out.length; i++) {
            double difference = weights.get(i / weights.columns(), i % weights.columns()) - (double) out[i];
            error += difference * difference;
        }
        // Priced error: the same differences rounded to float (2^-24 each) and summed in floats of 256 (at most 22
        // roundings).
        double priced =
                BlockQuantizer.squaredError(weights, Importance.uniform(), BlockFormat.parse(format), Workers.serial());
        assertThat(Math.abs(priced - error)).as(format).isLessThanOrEqualTo(24 * 0x1p-23 * error);
        return out;
    }

    private static float[] gaussian(int count) {
        Random random = new Random(count);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return values;
    }

    @Test
    void aZeroBlockIsExactlyZeroAmongOthers() {
        float[] values = gaussian(8 * 64);
        Arrays.fill(values, 64, 128, 0f);
        for (String format : FORMATS) {
            float[] out = roundTrip(FloatMatrix.wrap(8, 64, values), format);
            for (int i = 64; i < 128; i++) {
                assertThat(out[i]).as(format).isZero();
            }
        }
    }

    @Test
    void aZeroMatrixHasErrorZero() {
        for (String format : FORMATS) {
            FloatMatrix zeros = FloatMatrix.wrap(5, 33, new float[165]);
            assertThat(roundTrip(zeros, format)).as(format).containsOnly(0f);
            assertThat(BlockQuantizer.squaredError(
                            zeros, Importance.uniform(), BlockFormat.parse(format), Workers.serial()))
                    .isZero();
        }
    }

    @Test
    void equalAbsmaxInAllBlocksIsHeldByTheOffsetAlone() {
        float[] values = gaussian(256);
        for (int block = 0; block < 16; block++) {
            values[16 * block] = 5f;
        }
        BlockMatrix matrix = BlockQuantizer.quantize(
                FloatMatrix.wrap(4, 64, values), BlockFormat.parse("nf4-g16-s8x4-fp32"), Workers.serial());
        assertThat(matrix.scales().codes()).containsOnly((byte) 0);
        assertThat(matrix.scales().values()).containsOnly(5f);
    }

    @Test
    void constantRowsAreExact() {
        float[] values = new float[4 * 32];
        for (int i = 0; i < values.length; i++) {
            values[i] = new float[] {1, -2, 3, -4}[i / 32];
        }
        assertThat(roundTrip(FloatMatrix.wrap(4, 32, values), "nf2-g32-f16")).containsExactly(values);
    }

    @Test
    void aBlockWhoseScaleCodeRoundsToNothingBecomesZero() {
        float[] values = new float[64];
        Arrays.fill(values, 0, 16, 1e-6f);
        Arrays.fill(values, 16, 32, 1f);
        float[] out = roundTrip(FloatMatrix.wrap(1, 64, values), "nf4-g16-s2x4-fp32");
        assertThat(Arrays.copyOf(out, 16)).containsOnly(0f);
        assertThat(Arrays.copyOfRange(out, 16, 32)).containsOnly(1f);
    }

    @Test
    void aHugeOutlierIsKeptAndNothingOverflows() {
        float[] values = gaussian(512);
        values[100] = 1e30f;
        for (String format : new String[] {"nf4-g16-s8x4-fp32", "nf3-g16-s2x16-bf16-flat", "lc3-g16-s8x16-bf16"}) {
            float[] out = roundTrip(FloatMatrix.wrap(8, 64, values), format);
            assertThat(out[100]).as(format).isBetween(0.98e30f, 1.02e30f);
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {1e30f, 7e4f, Float.MAX_VALUE})
    void halfPrecisionScalesThatOverflowMakeTheFormatUnavailable(float outlier) {
        float[] values = gaussian(64);
        values[3] = outlier;
        FloatMatrix weights = FloatMatrix.wrap(1, 64, values);
        for (String id : new String[] {"nf4-g16-s8x4-fp16", "nf4-g16-f16", "lc3-g16-s8x4-fp16"}) {
            BlockFormat format = BlockFormat.parse(id);
            assertThat(BlockQuantizer.squaredError(weights, Importance.uniform(), format, Workers.serial()))
                    .isEqualTo(Double.POSITIVE_INFINITY);
            assertThatThrownBy(() -> BlockQuantizer.quantize(weights, format, Workers.serial()))
                    .isInstanceOfSatisfying(
                            InvalidRequestException.class,
                            e -> assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.BEYOND_FORMAT))
                    .hasMessageContaining(id);
        }
    }

    @Test
    void subnormalWeightsWork() {
        float[] values = gaussian(64);
        for (int i = 0; i < values.length; i++) {
            values[i] *= 0x1p-135f;
        }
        float[] out = roundTrip(FloatMatrix.wrap(1, 64, values), "nf4-g16-f32");
        int kept = 0;
        for (int i = 0; i < out.length; i++) {
            kept += out[i] != 0 && Math.abs(out[i] - values[i]) < Math.abs(values[i]) ? 1 : 0;
        }
        assertThat(kept).isGreaterThan(40);
    }

    @Test
    void anyShapeWorksInAnyFormat() {
        for (int[] shape : new int[][] {{1, 1}, {1, 100}, {100, 1}, {3, 17}, {9, 31}, {2, 1000}}) {
            for (String format : FORMATS) {
                roundTrip(FloatMatrix.wrap(shape[0], shape[1], gaussian(shape[0] * shape[1])), format);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void weightsThatAreNotNumbersAreRefusedByPlace(float bad) {
        float[] values = gaussian(12 * 33);
        values[7 * 33 + 20] = bad;
        values[11 * 33] = bad;
        for (String id : FORMATS) {
            assertThatThrownBy(() -> BlockQuantizer.squaredError(
                            FloatMatrix.wrap(12, 33, values),
                            Importance.uniform(),
                            BlockFormat.parse(id),
                            Workers.serial()))
                    .isInstanceOfSatisfying(NonFiniteWeightException.class, e -> {
                        assertThat(e.row()).isEqualTo(7);
                        assertThat(e.column()).isEqualTo(20);
                        assertThat(e.value()).isEqualTo(Float.valueOf(bad));
                    });
        }
    }

    @Test
    void learnedCodebooksAreNeverWorseThanTheirStart() {
        FloatMatrix weights = FloatMatrix.wrap(32, 64, gaussian(2048));
        float[] factors = new float[2048];
        for (int i = 0; i < factors.length; i++) {
            factors[i] = i % 7 == 0 ? 10 : 0.1f;
        }
        Importance importance = Importance.diagonal(FloatMatrix.wrap(32, 64, factors));
        for (String tail : new String[] {"2-g16-s4x16-fp16", "3-g32-f16", "4-g64-s8x256-bf16", "5-g16-s6x16-fp16"}) {
            double learned = error(weights, importance, "lc" + tail);
            assertThat(learned).isLessThan(error(weights, importance, "nf" + tail));
            assertThat(learned).isLessThan(error(weights, importance, "int" + tail));
        }
    }

    private static double error(FloatMatrix weights, Importance importance, String format) {
        return BlockQuantizer.squaredError(weights, importance, BlockFormat.parse(format), Workers.serial());
    }

    @Test
    void quantizeResidualMayOverwriteItsTarget() {
        float[] values = gaussian(640);
        BlockFormat format = BlockFormat.parse("nf3-g16-s8x4-fp32");
        FloatMatrix target = FloatMatrix.wrap(10, 64, values.clone());
        float[] dequantized = roundTrip(target, format.id());
        double error = BlockQuantizer.quantizeResidual(target, Importance.uniform(), format, target, Workers.serial());
        assertThat(error).isEqualTo(error(FloatMatrix.wrap(10, 64, values), Importance.uniform(), format.id()));
        for (int i = 0; i < values.length; i++) {
            assertThat(target.get(i / 64, i % 64)).isEqualTo(values[i] - dequantized[i]);
        }
    }

    @Test
    void storedValuesThatCannotBeAreRefused() {
        BlockMatrix matrix = BlockQuantizer.quantize(
                FloatMatrix.wrap(3, 17, gaussian(51)), BlockFormat.parse("lc3-g16-s3x4-fp32"), Workers.serial());
        refuse(matrix, BlockFormat.CODES, bytes -> bytes[bytes.length - 1] |= (byte) 0x80);
        refuse(matrix, ScaleFormat.SCALE_CODES, bytes -> bytes[bytes.length - 1] |= (byte) 0x80);
        refuse(matrix, ScaleFormat.OFFSET, bytes -> bytes[3] = (byte) 0xbf);
        refuse(matrix, ScaleFormat.SUPER_SCALES, bytes -> bytes[3] = (byte) 0xff);
        refuse(matrix, BlockFormat.CODEBOOK, bytes -> Arrays.fill(bytes, 0, 2, (byte) 0x7b));
    }

    private static void refuse(BlockMatrix matrix, String name, java.util.function.Consumer<byte[]> damage) {
        Map<String, Part> parts = new LinkedHashMap<>();
        for (Part part : matrix.parts()) {
            byte[] bytes = part.bytes().toArray(ValueLayout.JAVA_BYTE);
            if (part.name().equals(name)) {
                damage.accept(bytes);
            }
            parts.put(part.name(), new Part(part.name(), part.type(), part.shape(), MemorySegment.ofArray(bytes)));
        }
        assertThatThrownBy(() -> MatrixFormats.read(matrix.format(), matrix.rows(), matrix.columns(), parts))
                .isInstanceOfSatisfying(
                        MalformedPartException.class, e -> assertThat(e.part()).isEqualTo(name));
    }

    @Test
    void identifiersRoundTripAndOthersAreRefused() {
        assertThat(BlockFormat.paperGrid()).hasSize(432).doesNotHaveDuplicates();
        for (BlockFormat format : BlockFormat.paperGrid()) {
            assertThat(BlockFormat.parse(format.id())).isEqualTo(format);
            assertThat(BlockFormat.parse(format.flat().id())).isEqualTo(format.flat());
        }
        assertThat(new BlockFormat(CodebookKind.INT, 4, 32, new ScaleFormat.OneLevel(DType.F16)).id())
                .isEqualTo("int4-g32-f16");
        for (String id : List.of(
                "nf1-g64-f16",
                "nf4-g0-f16",
                "nf4-g64",
                "nf9-g64-f16",
                "nf4-g64-s9x16-fp32",
                "nf4-g64-s8x0-fp32",
                "nf4-g64-f64",
                "nf4-g99999-f16",
                "")) {
            assertThatThrownBy(() -> BlockFormat.parse(id)).as(id).isInstanceOf(InvalidRequestException.class);
        }
    }
}
