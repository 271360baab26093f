package dev.lowbit.matrix.additive;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Lanes;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.QuantizedMatrixContract;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdditiveMatrixTest extends QuantizedMatrixContract {
    @Override
    protected List<String> formats() {
        return List.of(
                "aq2x8-g8-row-f16",
                "aq1x1-g1-row-f32",
                "aq2x4-g4-row-bf16",
                "aq1x10-g8-row-bf16",
                "aq1x4-g8-s16-f16",
                "aq3x5-g5-s15-f32",
                "aq1x12-g4-s64-s4x64-bf16",
                "aq2x4-g8o2-row-f16",
                "aq2x3-g3o4-s9-s6x8-fp16",
                "aq1x16-g2-row-f16",
                "aq8x1-g16-s32-bf16",
                "aq1x2-g64o4-row-f32");
    }

    @Override
    protected QuantizedMatrix quantize(FloatMatrix weights, String format, Workers workers) {
        return AdditiveSamples.matrix(weights, format(format));
    }

    private static AdditiveFormat format(String id) {
        return (AdditiveFormat) MatrixFormats.parse(id);
    }

    /** The codewords of a tile may cancel: they are below 1 + 1/2 + 1/4 ... = 2, scales and inputs below 5. */
    @Override
    protected double extraMagnitude(int rows, int columns) {
        return 2 * 5 * Math.max(rows, columns);
    }

    @ParameterizedTest
    @ValueSource(strings = {"aq2x4-g4-row-f32", "aq3x5-g7-s14-f16", "aq1x16-g9-row-bf16", "aq2x3-g3o4-s6-s6x8-fp16"})
    void valuesAreTheFormula(String id) {
        AdditiveMatrix matrix = AdditiveSamples.matrix(ones(13, 77), format(id));
        FloatMatrix decoded = FloatMatrix.wrap(13, 77, new float[13 * 77]);
        matrix.dequantize(0, decoded, Workers.serial());
        assertThat(decoded.toArray()).isEqualTo(AdditiveSamples.decoded(matrix));
    }

    /** Tables, codewords as they are and decoded rows: all ways of products with few tokens are taken by the shapes of the contract. */
    @Test
    void tablesNeedFewCodewordsAndManyRows() {
        assertThat(TableProducts.suit(format("aq2x4-g4-row-bf16"), 31, 65)).isFalse();
        assertThat(TableProducts.suit(format("aq2x4-g4-row-bf16"), 32, 65)).isTrue();
        assertThat(TableProducts.suit(format("aq1x10-g8-row-f16"), 4096, 4096)).isFalse();
        assertThat(TableProducts.suit(format("aq1x16-g8-row-f16"), 4096, 4096)).isFalse();
        assertThat(TableProducts.suit(format("aq2x8-g8-row-f16"), 4096, 4096)).isTrue();
        assertThat(TableProducts.suit(format("aq2x4-g8o2-row-f16"), 4096, 4096)).isFalse();
        assertThat(TableProducts.suit(format("aq2x8-g1-row-f16"), 1 << 16, 1 << 16))
                .isFalse();
    }

    @Test
    void codewordsOfFourOrEightColumnsAreMultipliedAsTheyAre() {
        assertThat(DirectProducts.suit(format("aq1x12-g8-row-f16"))).isTrue();
        assertThat(DirectProducts.suit(format("aq1x12-g4-s48-f16"))).isTrue();
        assertThat(DirectProducts.suit(format("aq1x12-g16-row-f16"))).isFalse();
        assertThat(DirectProducts.suit(format("aq1x12-g8-s24-f16"))).isFalse();
        assertThat(DirectProducts.suit(format("aq1x12-g8o2-row-f16"))).isFalse();
    }

    /** Tables of more tiles than one thread fills, looked up in more than one turn. */
    @Test
    void tablesOfManyTiles() {
        int rows = 2100;
        int columns = 331;
        AdditiveMatrix matrix = AdditiveSamples.matrix(ones(rows, columns), format("aq2x8-g8-s24-f16"));
        assertThat(TableProducts.suit(matrix.additiveFormat(), rows, columns)).isTrue();
        float[] x = new float[columns];
        for (int j = 0; j < columns; j++) {
            x[j] = (j % 7 - 3) / 4f;
        }
        float[] y = new float[rows];
        matrix.multiply(x, y);
        float[] weights = AdditiveSamples.decoded(matrix);
        for (int i = 0; i < rows; i++) {
            double sum = 0;
            for (int j = 0; j < columns; j++) {
                sum += (double) weights[i * columns + j] * x[j];
            }
            assertThat(Math.abs(y[i] - sum)).isLessThan(1e-5 * columns);
        }
    }

    /** Codes of a byte and one scale a row take a way of their own, whose sums are those of the formula to the bit: tiles in 16 lanes, scaled at the end. */
    @ParameterizedTest
    @ValueSource(strings = {"aq1x8-g8-row-f16", "aq2x8-g8-row-bf16"})
    void tablesOfBytes(String id) {
        int rows = 545;
        int columns = 32 * 8 - 3;
        AdditiveMatrix matrix = AdditiveSamples.matrix(gaussian(rows, columns), format(id));
        AdditiveFormat format = matrix.additiveFormat();
        assertThat(TableProducts.suit(format, rows, columns)).isTrue();
        FloatMatrix x = gaussian(2, columns);
        FloatMatrix y = FloatMatrix.wrap(2, rows, new float[2 * rows]);
        matrix.multiply(x, y, Workers.serial());
        float[] words = matrix.codebooks();
        for (int token = 0; token < 2; token++) {
            for (int i = 0; i < rows; i++) {
                float[] lanes = new float[16];
                char[] codes = matrix.codes(i);
                for (int tile = 0; tile < 32; tile++) {
                    float ofTile = 0;
                    for (int m = 0; m < format.codebooks(); m++) {
                        int word = m * format.entries() + codes[tile * format.codebooks() + m];
                        float product = 0;
                        for (int k = 0; k < 8; k++) {
                            float input = tile * 8 + k < columns ? x.get(token, tile * 8 + k) : 0;
                            product = Math.fma(words[word * 8 + k], input, product);
                        }
                        ofTile = m == 0 ? product : ofTile + product;
                    }
                    lanes[tile % 16] += ofTile;
                }
                for (int lane = 0; lane < 16; lane++) {
                    lanes[lane] = Math.fma(lanes[lane], matrix.scales().values()[i], 0f);
                }
                assertThat(y.get(token, i)).isEqualTo(Lanes.sum(lanes));
            }
        }
    }

    private static FloatMatrix gaussian(int rows, int columns) {
        FloatMatrix matrix = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(5, "additive", rows + " x " + columns).fillGaussian(matrix);
        return matrix;
    }

    private static FloatMatrix ones(int rows, int columns) {
        float[] values = new float[rows * columns];
        Arrays.fill(values, 1.1f);
        return FloatMatrix.wrap(rows, columns, values);
    }

    @Test
    void refusesValuesThatCannotBe() {
        AdditiveMatrix good = AdditiveSamples.matrix(ones(3, 5), format("aq1x3-g2-row-f32"));
        assertRefused(good, AdditiveFormat.CODES, 3, (byte) 0x08, "behind its last code");
        assertRefused(good, "scales", 3, (byte) 0xff, "finite and not negative");
        assertRefused(good, AdditiveFormat.CODEBOOKS, 1, (byte) 0x7c, "codewords are finite");
        AdditiveMatrix coded = AdditiveSamples.matrix(ones(3, 5), format("aq1x3-g2-s2-s3x4-fp32"));
        assertRefused(coded, "scale_codes", 3, (byte) 0x80, "behind its last code");
        assertRefused(coded, "super_scales", 3, (byte) 0xff, "finite and not negative");
    }

    private static void assertRefused(AdditiveMatrix good, String name, int at, byte value, String reason) {
        Map<String, Part> parts = new HashMap<>();
        for (Part part : good.parts()) {
            byte[] bytes = part.bytes().toArray(ValueLayout.JAVA_BYTE);
            if (part.name().equals(name)) {
                bytes[at] = value;
            }
            parts.put(part.name(), new Part(part.name(), part.type(), part.shape(), MemorySegment.ofArray(bytes)));
        }
        assertThatThrownBy(() -> MatrixFormats.read(good.format(), 3, 5, parts))
                .isInstanceOf(MalformedPartException.class)
                .hasMessageContaining(name)
                .hasMessageContaining(reason);
    }

    @Test
    void partsAreExact() {
        assertThat(MatrixFormats.layout("aq2x5-g4-s8-f16", 3, 17))
                .containsExactly(
                        PartSpec.of("codes", DType.U8, 19), // 3 x 5 tiles of 10 bits
                        PartSpec.of("scales", DType.F16, 9),
                        new PartSpec("codebooks", DType.F16, List.of(2L, 32L, 4L)));
        assertThat(MatrixFormats.layout("aq1x16-g8o2-row-s4x2-bf16", 3, 17))
                .containsExactly(
                        PartSpec.of("codes", DType.U8, 12), // 2 x 3 tiles
                        PartSpec.of("scale_codes", DType.U8, 1),
                        PartSpec.of("super_scales", DType.BF16, 1),
                        PartSpec.of("offset", DType.F32, 1),
                        new PartSpec("codebooks", DType.F16, List.of(1L, 65536L, 16L)));
        assertThat(MatrixFormats.bytes("aq2x8-g8-row-f16", 1 << 17, 1 << 17))
                .isEqualTo((1L << 32) + (1L << 18) + 2 * 256 * 8 * 2);
    }

    @Test
    void bytesAreThoseOfTheDocument() {
        AdditiveMatrix matrix = AdditiveMatrix.of(
                2,
                3,
                format("aq2x1-g2o2-row-f16"),
                new int[] {1, 0, 0, 1},
                new EncodedScales(new float[] {2}, new byte[0], new float[0], 0),
                new float[] {1, 2, 3, 4, 5, 6, 7, 8, 0.5f, 0.25f, 0, 0, -1, -2, -3, -4});
        FloatMatrix decoded = FloatMatrix.wrap(2, 3, new float[6]);
        matrix.dequantize(0, decoded, Workers.serial());
        assertThat(decoded.toArray()).containsExactly(11f, 12.5f, 0f, 14f, 16f, 0f);
        assertThat(matrix.parts().get(0).bytes().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0b1001);
        assertThat(matrix.parts().get(1).bytes().toArray(ValueLayout.JAVA_BYTE)).containsExactly(0, 0x40);
        assertThat(matrix.parts().get(2).bytes().toArray(ValueLayout.JAVA_BYTE))
                .startsWith(0, 0x3c, 0, 0x40, 0, 0x42)
                .endsWith(0, 0xbc, 0, 0xc0, 0, 0xc2, 0, 0xc4)
                .hasSize(32);
    }

    @Test
    void ofRefusesWhatDoesNotFit() {
        AdditiveFormat format = format("aq1x2-g2-row-f16");
        EncodedScales one = new EncodedScales(new float[] {1}, new byte[0], new float[0], 0);
        float[] words = new float[8];
        AdditiveMatrix.of(1, 3, format, new int[] {3, 0}, one, words);
        assertThatThrownBy(() -> AdditiveMatrix.of(1, 3, format, new int[] {4, 0}, one, words))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("codes are 0 to 3");
        assertThatThrownBy(() -> AdditiveMatrix.of(1, 3, format, new int[1], one, words))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> AdditiveMatrix.of(2, 3, format, new int[4], one, words))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> AdditiveMatrix.of(1, 3, format, new int[2], one, new float[7]))
                .isInstanceOf(IllegalArgumentException.class);
        for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY, 65520f}) {
            words[5] = bad;
            assertThatThrownBy(() -> AdditiveMatrix.of(1, 3, format, new int[2], one, words))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("codeword 2");
        }
    }

    @Test
    void identifiers() {
        for (String id : List.of(
                "aq0x8-g8-row-f16",
                "aq9x8-g8-row-f16",
                "aq2x0-g8-row-f16",
                "aq2x17-g8-row-f16",
                "aq2x8-g0-row-f16",
                "aq2x8-g65-row-f16",
                "aq2x8-g8o1-row-f16",
                "aq2x8-g8o9-row-f16",
                "aq2x8-g64o8-row-f16",
                "aq2x8-g8-s12-f16",
                "aq2x8-g8-s0-f16",
                "aq2x8-g8-f16",
                "aq2x8-g8-row")) {
            assertThatThrownBy(() -> MatrixFormats.parse(id)).isInstanceOf(InvalidRequestException.class);
        }
        AdditiveFormat format = format("aq3x11-g4o2-s64-s4x64-bf16");
        assertThat(format.codebooks()).isEqualTo(3);
        assertThat(format.codeBits()).isEqualTo(11);
        assertThat(format.tileSize()).isEqualTo(8);
        assertThat(format.scaleColumns()).isEqualTo(64);
    }

    /** Sizes are refused before memory is asked for. */
    @Test
    void impossibleSizes() {
        int most = Integer.MAX_VALUE;
        assertThatThrownBy(() -> MatrixFormats.bytes("aq2x8-g8-row-f16", 0, 8))
                .isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> MatrixFormats.bytes("aq1x1-g1-row-f16", 1, most))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("codes a row");
        assertThatThrownBy(() -> MatrixFormats.bytes("aq1x1-g1-s1-f16", most, 1 << 8))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("scales");
        assertThatThrownBy(() -> MatrixFormats.bytes("aq1x16-g1-row-f16", most - 8, 1 << 29))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("bits of codes");
        assertThat(MatrixFormats.bytes("aq8x16-g64-row-f16", most - 8, most)).isPositive();
    }
}
