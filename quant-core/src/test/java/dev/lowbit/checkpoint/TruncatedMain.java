package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.kernel.Conversions;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;

/** Widens a mapped tensor of a type until that is compiled, truncates the file and widens once more; prints the reason. */
final class TruncatedMain {
    private static final int ELEMENTS = 1 << 16;
    private static final int ROUNDS = 300;

    private TruncatedMain() {}

    public static void main(String[] args) throws IOException {
        Path file = Path.of(args[0]);
        DType type = DType.valueOf(args[1]);
        List<Entry> entries = List.of(new Entry("t", type, List.of((long) ELEMENTS)));
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), entries);
                Arena arena = Arena.ofConfined()) {
            writer.write(arena.allocate((long) ELEMENTS * type.bytes()));
            writer.finish();
        }
        try (SafetensorsFile opened = SafetensorsFile.open(file, Limits.defaults());
                Arena arena = Arena.ofConfined()) {
            MemorySegment mapped = opened.map("t", arena);
            MemorySegment floats = arena.allocate((long) ELEMENTS * Float.BYTES);
            Conversions conversions = Conversions.get();
            for (int round = 0; round < ROUNDS; round++) {
                conversions.widen(type, mapped, 0, floats, 0, ELEMENTS);
            }
            opened.guard(() -> {
                truncate(file);
                conversions.widen(type, mapped, 0, floats, 0, ELEMENTS);
            });
        } catch (MalformedFileException e) {
            System.out.println(e.reason());
        }
    }

    private static void truncate(Path file) {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
