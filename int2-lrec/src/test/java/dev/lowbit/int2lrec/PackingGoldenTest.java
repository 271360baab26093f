package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.GoldenFile;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The words of the published packer, zeros masked into their own fields. */
class PackingGoldenTest {
    static List<Path> files() {
        return Golden.files("pack_");
    }

    @ParameterizedTest
    @MethodSource("files")
    void words(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            FloatMatrix weights = file.matrix("W");
            List<String> cases = Golden.cases(file, "b", "codes");
            assertThat(cases).isNotEmpty();
            for (String name : cases) {
                int bits = Integer.parseInt(name.substring(1));
                int groups = file.matrix(name + "/scale").columns();
                int groupSize = Math.ceilDiv(weights.columns(), groups);
                AffineCodes codes = Golden.codes(file, name + "/", weights, bits, groupSize);
                AffineCodes ours = RoundToNearest.quantize(weights, groupSize, AffineGrid.of(bits), Workers.serial());
                assertThat(ours.codes()).isEqualTo(codes.codes());
                assertThat(ours.zeros()).isEqualTo(codes.zeros());

                GptqPacking packed = GptqPacking.pack(codes, GptqPacking.ZeroWriting.WRAP);
                assertThat(packed.qweight()).as(name).isEqualTo(file.ints(name + "/qweight"));
                assertThat(packed.qzeros()).as(name).isEqualTo(file.ints(name + "/qzeros_masked"));
                assertThat(packed.groupIndex()).as(name).isEqualTo(file.ints(name + "/g_idx"));
                ByteBuffer halves =
                        ByteBuffer.wrap(file.bytes(name + "/scales_f16")).order(ByteOrder.LITTLE_ENDIAN);
                short[] scales = new short[halves.remaining() / Short.BYTES];
                halves.asShortBuffer().get(scales);
                assertThat(packed.scales()).as(name).isEqualTo(scales);

                AffineCodes back = packed.unpack(GptqPacking.ZeroReading.WRAPPING);
                assertThat(back.codes()).isEqualTo(codes.codes());
                assertThat(back.zeros()).isEqualTo(codes.zeros());
                if (java.util.Arrays.stream(codes.zeros()).anyMatch(zero -> zero == 0)) {
                    assertThatThrownBy(() -> GptqPacking.pack(codes, GptqPacking.ZeroWriting.REFUSE))
                            .isInstanceOf(InvalidRequestException.class)
                            .hasMessageContaining("has no negative weight");
                }
            }
        }
    }
}
