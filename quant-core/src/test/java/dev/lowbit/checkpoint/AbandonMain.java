package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Has temporaries open, abandons them as a process does that a signal ends, and leaves another thread trying to publish. */
final class AbandonMain {
    private AbandonMain() {}

    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[0]);
        AtomicOutput.writeString(folder.resolve("finished"), "stays");
        Path tree = folder.resolve(".tree");
        Temporaries.open(tree);
        Files.createDirectories(tree.resolve("deeper"));
        AtomicOutput.writeString(tree.resolve("deeper").resolve("file"), "goes");
        SafetensorsWriter writer = SafetensorsWriter.create(
                folder.resolve("a.safetensors"), Map.of(), List.of(new Entry("t", DType.F32, List.of(1L))));
        writer.write(ByteBuffer.allocate(4));
        Temporaries.abandon();
        Thread other = Thread.ofPlatform().daemon().start(writer::finish);
        while (other.isAlive() && other.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        System.out.println("waits: " + other.isAlive());
        Runtime.getRuntime().halt(0);
    }
}
