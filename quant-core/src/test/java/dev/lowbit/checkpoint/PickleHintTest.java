package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PickleHintTest {
    /** The length field of such a header is 80 02 .. 80 05: the first two bytes of a pickle. */
    @ParameterizedTest
    @ValueSource(ints = {0x280, 0x380, 0x480, 0x580})
    void aHeaderWhoseLengthLooksLikeAPickleIsRead(int length, @TempDir Path temp) {
        List<SafetensorsWriter.Entry> entries = List.of(new SafetensorsWriter.Entry("t", DType.U8, List.of(1L)));
        int padding = 0;
        while (SafetensorsWriter.headerBytes(metadata(padding), entries) < length + Long.BYTES) {
            padding++;
        }
        Path file = temp.resolve("model.safetensors");
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, metadata(padding), entries)) {
            writer.write(ByteBuffer.wrap(new byte[] {1}));
            writer.finish();
        }
        assertThat(SafetensorsWriter.headerBytes(metadata(padding), entries)).isEqualTo(length + Long.BYTES);
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            assertThat(checkpoint.names()).containsExactly("t");
        }
    }

    private static Map<String, String> metadata(int padding) {
        return Map.of("padding", " ".repeat(padding));
    }
}
