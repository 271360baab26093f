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
        Path root = Path.of(System.getProperty("lowbit.root", ".")).toAbsolutePath();
        Path folder = root.resolve(System.getProperty("lowbit.shared", "../shared"))
                .resolve(name)
                .normalize();
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

    /** The files of a shared folder whose names match {@code prefix*suffix}, sorted; at least one, else the test fails. */
    public static List<Path> files(String folder, String prefix, String suffix) {
        try (Stream<Path> paths = Files.list(folder(folder))) {
            List<Path> found = paths.filter(p -> p.getFileName().toString().startsWith(prefix)
                            && p.getFileName().toString().endsWith(suffix))
                    .sorted()
                    .toList();
            if (found.isEmpty()) {
                fail("no " + prefix + "*" + suffix + " in " + folder(folder));
            }
            return found;
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

    private static boolean holdsModel(Path folder) {
        try (Stream<Path> paths = Files.list(folder)) {
            return paths.map(p -> p.getFileName().toString())
                    .anyMatch(n -> n.startsWith("model") && n.endsWith(".safetensors"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
