package dev.lowbit.jobs;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** The process's peak resident memory: VmHWM of Linux, which counts mapped files too; absent on other systems. */
public final class PeakMemory {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final String PEAK = "VmHWM:";
    private static final String RESIDENT = "VmRSS:";

    private PeakMemory() {}

    /** Peak resident bytes so far. */
    public static OptionalLong bytes() {
        return field(PEAK);
    }

    /** Resident bytes now. */
    public static OptionalLong residentBytes() {
        return field(RESIDENT);
    }

    private static OptionalLong field(String name) {
        try {
            return Files.exists(STATUS)
                    ? parse(Files.readString(STATUS, StandardCharsets.ISO_8859_1), name)
                    : OptionalLong.empty();
        } catch (IOException e) {
            return OptionalLong.empty();
        }
    }

    /** Reads a line such as {@code VmHWM:    123456 kB}. */
    static OptionalLong parse(String status, String name) {
        return status.lines()
                .filter(line -> line.startsWith(name) && line.endsWith(" kB"))
                .map(line -> line.substring(name.length(), line.length() - " kB".length())
                        .strip())
                .mapToLong(kib -> Long.parseLong(kib) * 1024)
                .findFirst();
    }
}
