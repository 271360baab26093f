package dev.lowbit.matrix.gptq;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Packing and unpacking give the values back, bit for bit, zero points at the ends of their range included. */
class GptqTensorsTest {
    private final Random random = new Random(7);

    /** Codes below {@code codes}, zero points of {@code leastZero} or more, some scales 0 and some denormal. */
    private AffineMatrix matrix(GptqLayout layout, boolean symmetric, boolean indexed, int codes, int leastZero) {
        byte[] all = new byte[layout.rows() * layout.columns()];
        for (int k = 0; k < all.length; k++) {
            all[k] = (byte) random.nextInt(codes);
        }
        int groups = layout.groups();
        float[] scales = new float[layout.rows() * groups];
        byte[] zeros = new byte[scales.length];
        for (int k = 0; k < scales.length; k++) {
            scales[k] = k % 11 == 0 ? 0 : Float.float16ToFloat((short) random.nextInt(k % 5 == 0 ? 1024 : 0x7c00));
            zeros[k] = (byte) (k % 7 == 0 ? leastZero : random.nextInt(leastZero, 1 << layout.bits()));
        }
        int[] groupIndex = new int[indexed ? layout.columns() : 0];
        Arrays.setAll(groupIndex, j -> random.nextInt(groups));
        return AffineMatrix.of(
                layout.rows(),
                layout.columns(),
                layout.format(symmetric, indexed),
                PackedCodes.pack(all, layout.bits()),
                EncodedScales.encode(scales, layout.format(symmetric, indexed).scales())
                        .orElseThrow(),
                symmetric ? new byte[0] : zeros,
                groupIndex);
    }

    private static int[] bits(AffineMatrix matrix) {
        try (FloatMatrix out = FloatMatrix.allocate(matrix.rows(), matrix.columns())) {
            matrix.dequantize(0, out, Workers.serial());
            return out.segment().toArray(ValueLayout.JAVA_INT);
        }
    }

    private static GptqUnpacker unpacker(GptqLayout layout, GptqVersion version, GptqTensors tensors) {
        List<MemorySegment> bytes = tensors.bytes();
        return new GptqUnpacker("a.b", layout, version, bytes.get(1), bytes.get(3), bytes.get(2));
    }

    private static AffineMatrix unpacked(
            GptqLayout layout, GptqVersion version, GptqTensors tensors, boolean symmetric) {
        return unpacker(layout, version, tensors).unpack(tensors.bytes().getFirst(), symmetric, Workers.serial());
    }

    @ParameterizedTest
    @CsvSource({"2, 32, 64, 32", "3, 64, 96, 40", "4, 96, 128, 0", "8, 32, 32, 48", "3, 32, 32, 1", "8, 64, 64, 0"})
    void theSecondVersionHoldsEveryMatrix(int bits, int rows, int columns, int group) {
        GptqLayout layout = new GptqLayout(rows, columns, bits, group);
        for (boolean indexed : new boolean[] {false, group != 0 && group < columns}) {
            AffineMatrix matrix = matrix(layout, false, indexed, 1 << bits, 0);
            GptqTensors tensors = GptqTensors.pack("a.b", matrix, GptqVersion.V2, Workers.serial());
            AffineMatrix back = unpacked(layout, GptqVersion.V2, tensors, false);
            assertThat(back.format()).isEqualTo(matrix.format());
            for (int part = 0; part < matrix.parts().size(); part++) {
                assertThat(back.parts().get(part).bytes().toArray(ValueLayout.JAVA_BYTE))
                        .isEqualTo(matrix.parts().get(part).bytes().toArray(ValueLayout.JAVA_BYTE));
            }
            for (int k = 0; k < 4; k++) {
                assertThat(tensors.bytes().get(k).byteSize())
                        .isEqualTo(layout.tensors().get(k).bytes());
            }
        }
        AffineMatrix symmetric = matrix(layout, true, false, 1 << bits, 0);
        GptqTensors tensors = GptqTensors.pack("a.b", symmetric, GptqVersion.V2, Workers.serial());
        assertThat(unpacker(layout, GptqVersion.V2, tensors).isSymmetric()).isTrue();
        assertThat(unpacker(layout, GptqVersion.V2, tensors).isIndexed()).isFalse();
        assertThat(bits(unpacked(layout, GptqVersion.V2, tensors, true))).isEqualTo(bits(symmetric));
    }

    /** Without the largest code, zero points of 0 become 1. */
    @ParameterizedTest
    @ValueSource(ints = {2, 3, 4, 8})
    void theFirstVersionMovesGroupsByOne(int bits) {
        GptqLayout layout = new GptqLayout(64, 96, bits, 32);
        for (boolean indexed : new boolean[] {false, true}) {
            AffineMatrix matrix = matrix(layout, false, indexed, (1 << bits) - 1, 0);
            assertThat(matrix.zeros()).contains((byte) 0);
            GptqTensors tensors = GptqTensors.pack("a.b", matrix, GptqVersion.V1, Workers.serial());
            AffineMatrix back = unpacked(layout, GptqVersion.V1, tensors, false);
            assertThat(bits(back)).isEqualTo(bits(matrix));
            assertThat(back.zeros()).doesNotContain((byte) 0);
        }
        AffineMatrix positive = matrix(layout, false, false, 1 << bits, 1);
        GptqTensors tensors = GptqTensors.pack("a.b", positive, GptqVersion.V1, Workers.serial());
        assertThat(bits(unpacked(layout, GptqVersion.V1, tensors, false))).isEqualTo(bits(positive));
    }

    @Test
    void theFirstVersionRefusesAZeroOfNothingBesideTheLargestCode() {
        GptqLayout layout = new GptqLayout(32, 64, 2, 32);
        AffineMatrix matrix = matrix(layout, false, false, 4, 0);
        byte[] zeros = matrix.zeros();
        int lost = 0;
        for (byte zero : zeros) {
            lost += zero == 0 ? 1 : 0; // 32 random codes of 4: one is the largest, but for a chance of 0.0001
        }
        assertThatThrownBy(() -> GptqTensors.pack("a.b", matrix, GptqVersion.V1, Workers.serial()))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("a.b: " + lost + " of 64 groups")
                .hasMessageContaining("--to gptq-v2");
    }

    /** A field of 2^b - 1 of the first version is z = 2^b. */
    @Test
    void aZeroPointBeyondOursMovesOrIsRefused() {
        GptqLayout layout = new GptqLayout(32, 64, 3, 32);
        AffineMatrix matrix = matrix(layout, false, false, 8, 7);
        GptqTensors tensors = GptqTensors.pack("a.b", matrix, GptqVersion.V2, Workers.serial());
        assertThatThrownBy(() -> unpacked(layout, GptqVersion.V1, tensors, false))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("a.b: ")
                .hasMessageContaining("zero point 8");
        AffineMatrix shifted = matrix(layout, false, false, 7, 7);
        byte[] codes = new byte[32 * 64];
        for (int k = 0; k < codes.length; k++) {
            codes[k] = (byte) (shifted.code(k / 64, k % 64) + 1);
        }
        AffineMatrix raised = AffineMatrix.of(
                32,
                64,
                layout.format(false, false),
                PackedCodes.pack(codes, 3),
                EncodedScales.encode(
                                shifted.scales().values(),
                                layout.format(false, false).scales())
                        .orElseThrow(),
                shifted.zeros(),
                new int[0]);
        GptqTensors beyond = GptqTensors.pack("a.b", raised, GptqVersion.V2, Workers.serial());
        assertThat(bits(unpacked(layout, GptqVersion.V1, beyond, false))).isEqualTo(bits(shifted));
    }

    @Test
    void threadsDoNotMatter() {
        GptqLayout layout = new GptqLayout(128, 160, 3, 32);
        AffineMatrix matrix = matrix(layout, false, false, 7, 0);
        GptqTensors alone = GptqTensors.pack("a.b", matrix, GptqVersion.V1, Workers.serial());
        try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
            Workers workers = Workers.on(executor, 4);
            GptqTensors together = GptqTensors.pack("a.b", matrix, GptqVersion.V1, workers);
            assertThat(together.qweight()).isEqualTo(alone.qweight());
            assertThat(together.qzeros()).isEqualTo(alone.qzeros());
            assertThat(together.scales()).isEqualTo(alone.scales());
            AffineMatrix back = unpacker(layout, GptqVersion.V1, together)
                    .unpack(together.bytes().getFirst(), false, workers);
            assertThat(bits(back)).isEqualTo(bits(matrix));
        }
    }

    @Test
    void malformedTensorsAreNamed() {
        GptqLayout layout = new GptqLayout(32, 64, 4, 32);
        GptqTensors tensors =
                GptqTensors.pack("a.b", matrix(layout, false, false, 16, 0), GptqVersion.V2, Workers.serial());
        tensors.groupIndex()[5] = 2;
        assertThatThrownBy(() -> unpacker(layout, GptqVersion.V2, tensors))
                .isInstanceOf(MalformedPartException.class)
                .hasMessageContaining("g_idx holds 2 at index 5; there are the groups 0 to 1");
        tensors.groupIndex()[5] = -1;
        assertThatThrownBy(() -> unpacker(layout, GptqVersion.V2, tensors)).isInstanceOf(MalformedPartException.class);
        tensors.groupIndex()[5] = 0;
        for (float bad : new float[] {-1, Float.NaN, Float.POSITIVE_INFINITY}) {
            tensors.scales()[35] = Float.floatToFloat16(bad);
            assertThatThrownBy(() -> unpacker(layout, GptqVersion.V2, tensors))
                    .isInstanceOf(MalformedPartException.class)
                    .hasMessageContaining("scales holds " + bad + " for output 3, group 1");
        }
    }

    @Test
    void layersThatAreNotExchanged() {
        assertThatThrownBy(() -> new GptqLayout(32, 32, 5, 0)).isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> new GptqLayout(33, 32, 4, 0)).isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> new GptqLayout(32, 48, 4, 0)).isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> new GptqLayout(1 << 20, 1 << 20, 4, 32)).isInstanceOf(InvalidRequestException.class);
        assertThatThrownBy(() -> new GptqLayout(1 << 16, 1 << 16, 2, 1)).isInstanceOf(InvalidRequestException.class);
        assertThat(GptqVersion.of("marlin")).isEmpty();
        assertThat(GptqVersion.of("gptq_v2")).contains(GptqVersion.V2);
    }
}
