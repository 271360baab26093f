package dev.lowbit;

import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Locates the shared golden data and models from {@code -Dlowbit.shared}. Where they are absent a test is skipped and says
 * so; with {@code CI=true} or {@code -Dlowbit.shared.required=true} absence is a failure.
 */
public final class SharedData {
    private SharedData() {}

    /** The folder {@code name} (for example {@code golden/lq-lora}) of the shared data; skips or fails when absent. */
    public static Path folder(String name) {
        Path folder = path(name);
        if (!Files.isDirectory(folder)) {
            String message = "skipped: no shared data at " + folder + "; set -Dlowbit.shared=DIR to run this test";
            if ("true".equals(System.getenv("CI")) || Boolean.getBoolean("lowbit.shared.required")) {
                fail(message);
            }
            System.out.println(message);
            assumeTrue(false, message);
        }
        return folder;
    }

    private static Path path(String name) {
        Path root = Path.of(System.getProperty("lowbit.root", ".")).toAbsolutePath();
        return root.resolve(System.getProperty("lowbit.shared", "../shared"))
                .resolve(name)
                .normalize();
    }

    /** The files of a shared folder whose names match {@code prefix*suffix}, sorted; at least one, else the test fails. */
    public static List<Path> files(String folder, String prefix, String suffix) {
        List<Path> found = matching(folder(folder), prefix, suffix);
        if (found.isEmpty()) {
            fail("no " + prefix + "*" + suffix + " in " + folder(folder));
        }
        return found;
    }

    /** The same where another source may have them instead: perhaps none, and the folder may be absent. */
    public static List<Path> filesIfAny(String folder, String prefix, String suffix) {
        return Files.isDirectory(path(folder)) ? matching(path(folder), prefix, suffix) : List.of();
    }

    private static List<Path> matching(Path folder, String prefix, String suffix) {
        try (Stream<Path> paths = Files.list(folder)) {
            return paths.filter(p -> p.getFileName().toString().startsWith(prefix)
                            && p.getFileName().toString().endsWith(suffix))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Every folder of {@code models} that holds a model*.safetensors, sorted; at least one, else the test fails. */
    public static List<Path> models() {
        try (Stream<Path> paths = Files.list(folder("models"))) {
            List<Path> found = paths.filter(Files::isDirectory)
                    .filter(SharedData::holdsModel)
                    .sorted()
                    .toList();
            if (found.isEmpty()) {
                fail("no model folder in " + folder("models"));
            }
            return found;
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    /** Bytes of a model folder's weights, in one file or several. */
    public static long weightBytes(Path model) {
        return matching(model, "model", ".safetensors").stream()
                .mapToLong(file -> file.toFile().length())
                .sum();
    }

    private static boolean holdsModel(Path folder) {
        return !matching(folder, "model", ".safetensors").isEmpty();
    }
}
