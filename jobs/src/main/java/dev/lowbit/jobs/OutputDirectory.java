package dev.lowbit.jobs;

import dev.lowbit.checkpoint.Temporaries;
import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.UUID;
import java.util.stream.Stream;

/**
 * A directory that appears whole or not at all: filled under a hidden name beside its target, then renamed. An interrupt leaves nothing of it
 * ({@link Temporaries}).
 */
public final class OutputDirectory implements AutoCloseable {
    private final Path target;
    private final Path temporary;
    private boolean published;

    private OutputDirectory(Path target, Path temporary) {
        this.target = target;
        this.temporary = temporary;
    }

    /**
     * Checks that an output does not lie in the job's own input.
     *
     * @throws InvalidRequestException impossible, when it does
     */
    public static void requireOutside(Path input, Path output) {
        Path target = real(output);
        if (Files.isDirectory(input) && target.startsWith(real(input))) {
            throw InvalidRequestException.impossible(
                    "output " + output + " lies in the input " + input + "; choose a directory outside of it");
        }
    }

    /** The path without links, as far as it exists. */
    private static Path real(Path path) {
        Path absolute = path.toAbsolutePath().normalize();
        try {
            return absolute.toRealPath();
        } catch (IOException e) {
            Path parent = absolute.getParent();
            return parent == null ? absolute : real(parent).resolve(absolute.getFileName());
        }
    }

    /**
     * Begins a directory.
     *
     * @param target must not exist, or be an empty directory; missing parents are made
     * @throws InvalidRequestException impossible, when the target exists
     */
    public static OutputDirectory create(Path target) {
        Path absolute = target.toAbsolutePath().normalize();
        if (absolute.getFileName() == null) {
            throw InvalidRequestException.usage("--out " + target + " is no name for a directory; give another");
        }
        requireFree(target);
        Path temporary =
                absolute.resolveSibling("." + absolute.getFileName() + "." + UUID.randomUUID() + ".lowbit-tmp");
        Temporaries.open(temporary);
        try {
            Files.createDirectories(temporary);
        } catch (IOException e) {
            discard(temporary);
            throw new UncheckedIOException("cannot create " + temporary.getParent() + ": " + e.getMessage(), e);
        }
        return new OutputDirectory(absolute, temporary);
    }

    /** Refuses a target that exists, unless it is an empty directory; a link is none, as no directory can be renamed to it. */
    public static void requireFree(Path target) {
        if (Files.notExists(target, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        boolean empty = false;
        if (Files.isDirectory(target, LinkOption.NOFOLLOW_LINKS)) {
            try (Stream<Path> entries = Files.list(target)) {
                empty = entries.findAny().isEmpty();
            } catch (IOException e) {
                throw new UncheckedIOException("cannot list " + target + ": " + e.getMessage(), e);
            }
        }
        if (!empty) {
            throw InvalidRequestException.impossible(
                    target + " exists; nothing is overwritten: give another --out or remove it");
        }
    }

    /** Where a file goes whose name may have folders in it, which are made. */
    public static Path place(Path directory, String name) {
        Path file = directory.resolve(name);
        try {
            Files.createDirectories(file.getParent());
            return file;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot create " + file.getParent() + ": " + e.getMessage(), e);
        }
    }

    /** Where to write. */
    public Path path() {
        return temporary;
    }

    /** Gives the directory its name. */
    public void publish() {
        try {
            Temporaries.publish(temporary, target);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot rename to " + target + ": " + e.getMessage(), e);
        }
        published = true;
    }

    /** Removes what was written unless it was published. */
    @Override
    public void close() {
        if (!published) {
            discard(temporary);
        }
    }

    private static void discard(Path temporary) {
        try {
            Temporaries.discard(temporary);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot remove " + temporary + ": " + e.getMessage(), e);
        }
    }
}
