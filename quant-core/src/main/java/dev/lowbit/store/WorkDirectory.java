package dev.lowbit.store;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The directory {@code <output>.partial} beside an output, where a job keeps what it has finished until the whole output can
 * appear at once. It belongs to one process at a time. A job may keep files of its own in it (a cost table, for example);
 * they live until the output is published.
 */
public final class WorkDirectory implements AutoCloseable {
    private static final String SUFFIX = ".partial";
    private static final String LOCK = "lock";

    private final Path output;
    private final Path path;
    private final FileChannel lockChannel;

    private WorkDirectory(Path output, Path path, FileChannel lockChannel) {
        this.output = output;
        this.path = path;
        this.lockChannel = lockChannel;
    }

    /**
     * Creates or continues the work directory of {@code output} and locks it.
     *
     * @param resume whether the traces of an earlier run may be continued; a compressed model that already exists is then left to
     *     {@link ModelWriter}, which accepts it only when this very job wrote it
     * @param anyones files that say themselves what they are of: what an earlier run left of these alone may be used without being asked
     * @throws InvalidRequestException (impossible) when the output exists, when another job holds it, when a stopped job is
     *     there and {@code resume} is false, or when the directory holds files and no job made it
     * @throws UncheckedIOException when the directory cannot be made
     */
    public static WorkDirectory open(Path output, boolean resume, String... anyones) {
        Path target = output.toAbsolutePath().normalize();
        Path path = of(output);
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS) && !(resume && Manifest.isIn(target))) {
            throw InvalidRequestException.impossible("output " + output + " exists"
                    + (resume ? " and is not of this job" : "") + "; choose another, or remove it");
        }
        try {
            requireOurs(output, path);
            WorkDirectory work = new WorkDirectory(target, path, lock(output, path));
            if (!resume && !work.holdsOnly(Set.of(anyones))) {
                work.close();
                throw InvalidRequestException.impossible("a stopped job for " + output + " is in " + path
                        + "; continue it with --resume, or remove that directory");
            }
            return work;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot work in " + path + ": " + e, e);
        }
    }

    /**
     * Checks that a job's work directory is not its input and does not hold it: the job would remove it in the end.
     *
     * @throws InvalidRequestException impossible, when it is or does
     * @throws UncheckedIOException when a path cannot be followed
     */
    public static void requireApart(Path input, Path output) {
        Path path = of(output);
        try {
            if (Files.exists(path) && Files.exists(input) && input.toRealPath().startsWith(path.toRealPath())) {
                throw InvalidRequestException.impossible("input " + input + " lies in " + path + ", where a job for "
                        + output + " works; choose another output, or move the input");
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot compare " + input + " with " + path + ": " + e, e);
        }
    }

    private static Path of(Path output) {
        Path target = output.toAbsolutePath().normalize();
        if (target.getFileName() == null) {
            throw InvalidRequestException.usage("output " + output + " has no name; give a directory to create");
        }
        return target.resolveSibling(target.getFileName() + SUFFIX);
    }

    /** A job that was stopped left at least its lock. Asked before we write ours, which would make any directory look like one. */
    private static void requireOurs(Path output, Path path) throws IOException {
        if (!Files.isDirectory(path)) {
            return;
        }
        try (Stream<Path> paths = Files.list(path)) {
            Set<String> names =
                    paths.map(entry -> entry.getFileName().toString()).collect(Collectors.toSet());
            if (!names.isEmpty() && !names.contains(LOCK) && !names.contains(ModelWriter.JOB)) {
                throw InvalidRequestException.impossible(
                        path + " is needed to write " + output
                                + ", but holds files that are not of a stopped job; choose another output, or move that directory");
            }
        }
    }

    /** The lock file can be deleted by its holder just before we lock it, so a lock counts only on the file of that name. */
    private static FileChannel lock(Path output, Path path) throws IOException {
        while (true) {
            Files.createDirectories(path);
            FileChannel channel = FileChannel.open(
                    path.resolve(LOCK), StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            try {
                FileLock lock = channel.tryLock();
                if (lock == null) {
                    throw new OverlappingFileLockException();
                }
                String token = UUID.randomUUID().toString();
                channel.write(ByteBuffer.wrap(token.getBytes(StandardCharsets.US_ASCII)), 0);
                if (Files.exists(path.resolve(LOCK))
                        && Files.readString(path.resolve(LOCK)).equals(token)) {
                    return channel;
                }
                channel.close();
            } catch (OverlappingFileLockException e) {
                channel.close();
                throw InvalidRequestException.impossible(
                        "another job is writing " + output + "; wait for it, or choose another output");
            } catch (IOException | RuntimeException e) {
                channel.close();
                throw e;
            }
        }
    }

    /** Where the finished output will stand. */
    public Path output() {
        return output;
    }

    /** This directory. */
    public Path path() {
        return path;
    }

    /** Whether the output stands. */
    public boolean isPublished() {
        return Files.exists(output);
    }

    /** Renames a complete directory inside this one to the output, in one step, durably. */
    void publish(Path complete) {
        if (isPublished()) {
            throw InvalidRequestException.impossible("output " + output
                    + " was made by someone else meanwhile; move it away and continue with --resume");
        }
        try {
            AtomicOutput.publish(complete, output);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot rename " + complete + " to " + output + ": " + e, e);
        }
    }

    private boolean holdsOnly(Set<String> names) throws IOException {
        return contents().stream()
                .allMatch(path -> names.contains(path.getFileName().toString()));
    }

    /** Everything in it but the lock. */
    private List<Path> contents() throws IOException {
        try (Stream<Path> paths = Files.list(path)) {
            return paths.filter(p -> !p.getFileName().toString().equals(LOCK)).toList();
        }
    }

    /** Removes everything in it but the lock. */
    public void clear() {
        try {
            for (Path entry : contents()) {
                deleteTree(entry);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot clear " + path + ": " + e, e);
        }
    }

    static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root)) {
            return;
        }
        try (Stream<Path> paths = Files.walk(root)) {
            for (Path entry : paths.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(entry);
            }
        }
    }

    /** Releases the lock; a directory that holds nothing to resume is removed. */
    @Override
    public void close() {
        try (lockChannel) {
            if (lockChannel.isOpen() && contents().isEmpty()) {
                Files.deleteIfExists(path.resolve(LOCK));
                Files.deleteIfExists(path);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot close " + path + ": " + e, e);
        }
    }
}
