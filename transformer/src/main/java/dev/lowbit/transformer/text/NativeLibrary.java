package dev.lowbit.transformer.text;

import dev.lowbit.checkpoint.Temporaries;
import dev.lowbit.error.UnsupportedModelException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Loads the compiled part of the tokenizer library, which lies in its jar, through a private folder of {@code java.io.tmpdir}
 * that is deleted as soon as the library is mapped.
 *
 * <p>The library has a loader of its own, which is not used: it keeps the file for ever in the home or, when that is read-only, in
 * a folder of the common temporary directory under a name that anybody can occupy, looks for CUDA, may download a build for it,
 * and its front reports its use over the network. Nothing of that runs here.
 */
final class NativeLibrary {
    private static boolean loaded;

    private NativeLibrary() {}

    /**
     * Loads it unless it is loaded.
     *
     * @throws UnsupportedModelException when there is none for this platform, or it cannot run here
     * @throws UncheckedIOException when the temporary folder cannot be written
     */
    @SuppressWarnings("restricted")
    static synchronized void load() {
        if (loaded) {
            return;
        }
        String system = system(System.getProperty("os.name"));
        String resources = "native/lib/" + system + "-" + processor(System.getProperty("os.arch")) + "/cpu/";
        List<Path> files = new ArrayList<>();
        Path folder = temporaryFolder();
        try {
            for (String name : names(system)) {
                Path file = folder.resolve(name);
                files.add(file);
                extract(resources + name, file);
                System.load(file.toString());
            }
            loaded = true;
        } catch (UnsatisfiedLinkError e) {
            throw new UnsupportedModelException("the tokenizer library cannot be loaded from " + folder + " ("
                    + e.getMessage() + "); point -Djava.io.tmpdir at a folder from which programs may run");
        } finally {
            discard(files, folder);
        }
    }

    private static Path temporaryFolder() {
        try {
            return Temporaries.openDirectory("lowbit-tokenizers");
        } catch (IOException e) {
            throw new UncheckedIOException(
                    "cannot create a folder in " + System.getProperty("java.io.tmpdir") + ": " + e, e);
        }
    }

    private static void extract(String resource, Path file) {
        try (InputStream library = NativeLibrary.class.getClassLoader().getResourceAsStream(resource)) {
            if (library == null) {
                throw new UnsupportedModelException("there is no tokenizer library for this platform (" + resource
                        + "); Linux, macOS and Windows on x86-64 or aarch64 have one");
            }
            Files.copy(library, file);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + file + ": " + e, e);
        }
    }

    /** In the order in which they depend on one another. */
    private static List<String> names(String system) {
        String library = System.mapLibraryName("tokenizers");
        return system.equals("win")
                ? List.of("libwinpthread-1.dll", "libgcc_s_seh-1.dll", "libstdc++-6.dll", library)
                : List.of(library);
    }

    private static String system(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return lower.startsWith("mac") ? "osx" : lower.startsWith("win") ? "win" : lower;
    }

    private static String processor(String name) {
        return name.equals("amd64") ? "x86_64" : name;
    }

    /** Windows refuses to delete a library in use: there it stays, the best that can be done. */
    private static void discard(List<Path> files, Path folder) {
        try {
            Temporaries.discard(folder);
        } catch (IOException e) {
            folder.toFile().deleteOnExit();
            files.forEach(file -> file.toFile().deleteOnExit());
        }
    }
}
