package dev.lowbit.cuda.check;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** What a launch costs without Java: said by the small program that travels beside this one. */
final class LaunchFromC {
    /** Names that program. */
    static final String PROPERTY = "lowbit.launch";

    private LaunchFromC() {}

    static List<Map<String, Object>> measure() {
        String program = System.getProperty(PROPERTY, "");
        if (program.isEmpty() || !Files.isExecutable(Path.of(program))) {
            return List.of(Map.of("absent", "no program in C to compare with"));
        }
        try {
            Process process =
                    new ProcessBuilder(program).redirectErrorStream(true).start();
            String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            return process.waitFor() == 0
                    ? List.of(Map.of("nanoseconds", Double.parseDouble(said)))
                    : List.of(Map.of("absent", said));
        } catch (NumberFormatException e) {
            // the loader or a sanitizer said something too; that must not end a whole check
            return List.of(Map.of("absent", "no number: " + e.getMessage()));
        } catch (IOException e) {
            return List.of(Map.of("absent", e.toString()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return List.of(Map.of("absent", e.toString()));
        }
    }
}
