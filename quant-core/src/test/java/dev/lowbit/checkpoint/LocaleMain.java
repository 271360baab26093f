package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Prints what must not depend on the machine's language: bytes written, text read, messages. */
final class LocaleMain {
    private LocaleMain() {}

    public static void main(String[] args) {
        Path file = Path.of(args[0], "locale.safetensors");
        List<Entry> entries = List.of(new Entry("TITLE.İıß", DType.F8_E4M3, List.of(1234567L)));
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of("i", "Iı"), entries)) {
            writer.write(ByteBuffer.allocate(1234567));
            writer.finish();
        }
        System.out.println(Digest.sha256(file));
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            System.out.println(checkpoint.digest());
        }
        try {
            StrictJson.parseObject(Path.of("x"), "{\"a\":1234567,]", Limits.defaults());
        } catch (MalformedFileException e) {
            System.out.println(e.getMessage());
        }
    }
}
