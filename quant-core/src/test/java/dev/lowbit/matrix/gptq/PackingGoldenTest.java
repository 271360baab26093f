package dev.lowbit.matrix.gptq;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.packed.WordFields;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The words of the published packer, with its zero points masked into fields of their own. */
class PackingGoldenTest {
    static List<Path> files() {
        return SharedData.files("golden/int2-lrec", "pack_", ".safetensors");
    }

    @ParameterizedTest
    @MethodSource("files")
    void words(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            List<String> cases = file.names().stream()
                    .filter(name -> name.matches("b\\d+/codes"))
                    .map(name -> name.substring(0, name.indexOf('/')))
                    .toList();
            assertThat(cases).isNotEmpty();
            cases.forEach(name -> words(file, name));
        }
    }

    private static void words(GoldenFile file, String name) {
        int bits = Integer.parseInt(name.substring(1));
        int rows = file.matrix("W").rows();
        int columns = file.matrix("W").columns();
        int groups = file.matrix(name + "/scale").columns();
        byte[] zeros = new byte[rows * groups];
        float[] wide = file.floats(name + "/zero");
        for (int g = 0; g < zeros.length; g++) {
            zeros[g] = (byte) wide[g];
        }
        AffineMatrix matrix = matrix(file, name, bits, Math.ceilDiv(columns, groups), zeros);
        GptqTensors second = GptqTensors.pack(name, matrix, GptqVersion.V2, Workers.serial());
        assertThat(second.qweight()).isEqualTo(file.ints(name + "/qweight"));
        assertThat(second.groupIndex()).isEqualTo(file.ints(name + "/g_idx"));
        ByteBuffer halves = ByteBuffer.wrap(file.bytes(name + "/scales_f16")).order(ByteOrder.LITTLE_ENDIAN);
        short[] scales = new short[halves.remaining() / Short.BYTES];
        halves.asShortBuffer().get(scales);
        assertThat(second.scales()).isEqualTo(scales);

        // A zero point of 0 cannot be had beside the largest code in the first version, so 1 stands in for it.
        byte[] positive = zeros.clone();
        for (int g = 0; g < positive.length; g++) {
            positive[g] = (byte) Math.max(1, positive[g]);
        }
        GptqTensors first = GptqTensors.pack(
                name,
                matrix(file, name, bits, Math.ceilDiv(columns, groups), positive),
                GptqVersion.V1,
                Workers.serial());
        int[] masked = file.ints(name + "/qzeros_masked");
        int words = rows / WordFields.UNIT * bits;
        for (int i = 0; i < rows; i++) {
            for (int g = 0; g < groups; g++) {
                int theirs = WordFields.get(masked, g * words, 1, i, bits);
                int zero = zeros[i * groups + g];
                assertThat((theirs + 1) % (1 << bits)).isEqualTo(zero);
                assertThat(WordFields.get(second.qzeros(), g * words, 1, i, bits))
                        .isEqualTo(zero);
                if (zero > 0) {
                    assertThat(WordFields.get(first.qzeros(), g * words, 1, i, bits))
                            .isEqualTo(theirs);
                }
            }
        }
        if (Arrays.equals(zeros, positive)) {
            assertThat(first.qzeros()).isEqualTo(masked);
        }
    }

    private static AffineMatrix matrix(GoldenFile file, String name, int bits, int groupSize, byte[] zeros) {
        ScaleFormat scales = new ScaleFormat.OneLevel(DType.F16);
        float[] rounded = file.floats(name + "/scale");
        for (int g = 0; g < rounded.length; g++) {
            rounded[g] = ScaleType.round(DType.F16, rounded[g]);
        }
        return AffineMatrix.of(
                file.matrix("W").rows(),
                file.matrix("W").columns(),
                new AffineFormat(bits, groupSize, scales),
                PackedCodes.pack(file.bytes(name + "/codes"), bits),
                EncodedScales.encode(rounded, scales).orElseThrow(),
                zeros,
                new int[0]);
    }
}
