package dev.lowbit.kernel;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.stream.Stream;

/** What the processor says it can, where the system tells: Linux. */
public final class CpuFlags {
    private static final Path FILE = Path.of("/proc/cpuinfo");
    private static final Set<String> FLAGS = read();

    private CpuFlags() {}

    private static Set<String> read() {
        if (!Files.isReadable(FILE)) {
            return Set.of();
        }
        try (Stream<String> lines = Files.lines(FILE)) {
            return lines.filter(line -> line.startsWith("flags"))
                    .findFirst()
                    .map(line -> Set.copyOf(Arrays.asList(line.split("\\s+"))))
                    .orElse(Set.of());
        } catch (IOException | UncheckedIOException e) {
            return Set.of();
        }
    }

    /** Whether this name is among the flags. */
    public static boolean has(String flag) {
        return FLAGS.contains(flag);
    }
}
