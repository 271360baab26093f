package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.gptq.GptqTensors;
import dev.lowbit.matrix.gptq.GptqVersion;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GptqPackingTest {
    private static AffineCodes random(int rows, int columns, int bits, int groupSize, int leastZero, long seed) {
        Random random = new Random(seed);
        byte[] codes = new byte[rows * columns];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) random.nextInt(1 << bits);
        }
        int groups = Math.ceilDiv(columns, groupSize);
        float[] scales = new float[rows * groups];
        int[] zeros = new int[rows * groups];
        for (int i = 0; i < scales.length; i++) {
            scales[i] = ScaleRounding.F16.round(random.nextFloat());
            zeros[i] = random.nextInt(leastZero, 1 << bits);
        }
        return new AffineCodes(rows, columns, bits, groupSize, codes, scales, zeros, new int[0]);
    }

    private static void assertSame(AffineCodes actual, AffineCodes expected) {
        assertThat(actual.codes()).isEqualTo(expected.codes());
        assertThat(actual.scales()).isEqualTo(expected.scales());
        assertThat(actual.zeros()).isEqualTo(expected.zeros());
        assertThat(actual.groupIndex()).isEqualTo(expected.groupIndex());
        assertThat(actual.groupSize()).isEqualTo(expected.groupSize());
    }

    @ParameterizedTest
    @CsvSource({"2, 32, 32, 32", "3, 64, 96, 32", "4, 32, 128, 64", "8, 96, 64, 48", "3, 32, 96, 40"})
    void roundTrip(int bits, int rows, int columns, int groupSize) {
        AffineCodes any = random(rows, columns, bits, groupSize, 0, bits);
        GptqPacking wrapped = GptqPacking.pack(any, GptqPacking.ZeroWriting.WRAP);
        assertSame(wrapped.unpack(GptqPacking.ZeroReading.WRAPPING), any);
        AffineCodes positive = random(rows, columns, bits, groupSize, 1, bits);
        GptqPacking strict = GptqPacking.pack(positive, GptqPacking.ZeroWriting.REFUSE);
        assertSame(strict.unpack(GptqPacking.ZeroReading.PLAIN), positive);
        assertSame(strict.unpack(GptqPacking.ZeroReading.WRAPPING), positive);
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 8})
    void plainReadersTakeAWrappedZeroForTwoToTheBits(int bits) {
        AffineCodes codes = random(32, 32, bits, 32, 1, 1);
        codes.zeros()[5] = 0;
        GptqPacking packed = GptqPacking.pack(codes, GptqPacking.ZeroWriting.WRAP);
        int[] zeros = packed.unpack(GptqPacking.ZeroReading.PLAIN).zeros();
        assertThat(zeros[5]).isEqualTo(1 << bits);
        assertThat(zeros[4]).isEqualTo(codes.zeros()[4]);
        assertThat(zeros[6]).isEqualTo(codes.zeros()[6]);
        assertThatThrownBy(() -> GptqPacking.pack(codes, GptqPacking.ZeroWriting.REFUSE))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("row 5, group 0");
    }

    @Test
    void threeBitValuesTenAndTwentyOneCrossWords() {
        byte[] codes = new byte[32 * 32];
        for (int j = 0; j < 32; j++) {
            codes[j] = (byte) (j == 10 ? 0b110 : j == 21 ? 0b101 : 0);
        }
        int[] zeros = new int[32];
        java.util.Arrays.fill(zeros, 1);
        AffineCodes matrix = new AffineCodes(32, 32, 3, 32, codes, new float[32], zeros, new int[0]);
        GptqPacking packed = GptqPacking.pack(matrix, GptqPacking.ZeroWriting.REFUSE);
        assertThat(packed.qweight()[0]).isEqualTo(0b10 << 30);
        assertThat(packed.qweight()[32]).isEqualTo(1 | 1 << 31);
        assertThat(packed.qweight()[64]).isEqualTo(0b10);
    }

    @Test
    void groupsInAnotherOrderStay() {
        AffineCodes plain = random(32, 64, 4, 32, 1, 3);
        int[] groupIndex = new int[64];
        for (int j = 0; j < 64; j++) {
            groupIndex[j] = j % 2;
        }
        AffineCodes turned = new AffineCodes(32, 64, 4, 32, plain.codes(), plain.scales(), plain.zeros(), groupIndex);
        assertSame(
                GptqPacking.pack(turned, GptqPacking.ZeroWriting.REFUSE).unpack(GptqPacking.ZeroReading.PLAIN), turned);
    }

    /** What the command exports are the words that the golden data check here. */
    @ParameterizedTest
    @CsvSource({"2, 64, 32, 32", "3, 64, 96, 40", "4, 32, 128, 64", "8, 96, 64, 48"})
    void exportedTensorsAreTheSame(int bits, int rows, int columns, int groupSize) {
        AffineCodes codes = random(rows, columns, bits, groupSize, 1, bits);
        byte[] zeros = new byte[codes.zeros().length];
        for (int k = 0; k < zeros.length; k++) {
            zeros[k] = (byte) codes.zeros()[k];
        }
        AffineFormat format = new AffineFormat(bits, groupSize, new ScaleFormat.OneLevel(DType.F16));
        AffineMatrix matrix = AffineMatrix.of(
                rows,
                columns,
                format,
                PackedCodes.pack(codes.codes(), bits),
                EncodedScales.encode(codes.scales(), format.scales()).orElseThrow(),
                zeros,
                new int[0]);
        GptqTensors tensors = GptqTensors.pack("layer", matrix, GptqVersion.V1, Workers.serial());
        GptqPacking packed = GptqPacking.pack(codes, GptqPacking.ZeroWriting.REFUSE);
        assertThat(tensors.qweight()).isEqualTo(packed.qweight());
        assertThat(tensors.qzeros()).isEqualTo(packed.qzeros());
        assertThat(tensors.scales()).isEqualTo(packed.scales());
        assertThat(tensors.groupIndex()).isEqualTo(packed.groupIndex());
    }

    @Test
    void refusals() {
        assertThatThrownBy(() -> GptqPacking.pack(random(32, 33, 4, 32, 1, 1), GptqPacking.ZeroWriting.WRAP))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("multiples of 32");
        assertThatThrownBy(() -> GptqPacking.pack(random(31, 32, 4, 32, 1, 1), GptqPacking.ZeroWriting.WRAP))
                .isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> GptqPacking.pack(random(32, 32, 5, 32, 1, 1), GptqPacking.ZeroWriting.WRAP))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("2, 3, 4 or 8 bits");
        AffineCodes large = random(32, 32, 4, 32, 1, 1);
        large.scales()[7] = 70_000;
        assertThatThrownBy(() -> GptqPacking.pack(large, GptqPacking.ZeroWriting.WRAP))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("row 7, group 0");
        GptqPacking packed = GptqPacking.pack(random(32, 32, 4, 32, 1, 1), GptqPacking.ZeroWriting.WRAP);
        packed.groupIndex()[9] = 1;
        assertThatThrownBy(() -> packed.unpack(GptqPacking.ZeroReading.PLAIN))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("input 9");
        packed.groupIndex()[9] = 0;
        packed.scales()[3] = Float.floatToFloat16(Float.NaN);
        assertThatThrownBy(() -> packed.unpack(GptqPacking.ZeroReading.PLAIN))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("row 3, group 0");
        assertThatThrownBy(() -> new GptqPacking(32, 32, 4, 32, new int[1], new int[1], new short[1], new int[1]))
                .isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void sizes() {
        LayerSize size = new LayerSize(4096, 4096, 2, 128, 16, 2, 32, 16);
        assertThat(size.bitsPerWeight()).isEqualTo(2 + 18 / 128.0 + 0.25);
        // The last group of a row is short and costs as much as the others.
        assertThat(new LayerSize(1, 130, 3, 128, 16, 8, 0, 16).baseBits()).isEqualTo(3 * 130 + 2 * 24);
        assertThat(LayerSize.paperFactor(129_000_000, 2_200_000_000L)).isBetween(1.05, 1.06);
        assertThatThrownBy(() -> LayerSize.paperFactor(1, 0)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new LayerSize(0, 1, 2, 1, 16, 2, 0, 16)).isInstanceOf(IllegalArgumentException.class);
    }
}
