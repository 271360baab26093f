package dev.lowbit.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Bytes of all files below a path. */
public final class DirectorySize {
    private DirectorySize() {}

    /** Sum of the sizes of all regular files in a directory tree, or the size of one file; a link counts as what it leads to. */
    public static long bytes(Path path) {
        // a walk does not enter a link that it begins at
        try (Stream<Path> paths = Files.walk(path.toRealPath())) {
            long bytes = 0;
            for (Path file : paths.filter(Files::isRegularFile).toList()) {
                bytes += Files.size(file);
            }
            return bytes;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + path + ": " + e.getMessage(), e);
        }
    }
}
