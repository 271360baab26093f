package dev.lowbit.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** Writes more than fits and prints how that ends. */
final class FullDiskMain {
    private FullDiskMain() {}

    public static void main(String[] args) {
        Path folder = Path.of(args[0]);
        float[] data = new float[1 << 20];
        print("writer", () -> {
            try (SafetensorsWriter writer = SafetensorsWriter.create(
                    folder.resolve("a.safetensors"), Map.of(), List.of(FaultyMachineTest.large()))) {
                writer.write(MemorySegment.ofArray(data));
                writer.finish();
            }
        });
        print("atomic", () -> AtomicOutput.write(folder.resolve("b"), out -> out.write(new byte[4 << 20])));
    }

    private static void print(String what, Runnable writing) {
        try {
            writing.run();
            System.out.println(what + " wrote");
        } catch (RuntimeException e) {
            System.out.println(what + " " + e.getClass().getSimpleName());
        }
    }
}
