package dev.lowbit.checkpoint;

import java.io.IOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;

/**
 * What this process has under temporary names at the moment. A process that a signal ends runs no finally block; its owner calls {@link #abandon}
 * instead, from a shutdown hook for example. The library installs none.
 */
public final class Temporaries {
    /** A tree that another thread is still making folders in is not empty at once. */
    private static final int ATTEMPTS = 3;

    private static final ReentrantLock LOCK = new ReentrantLock();
    private static final Set<Path> OPEN = new LinkedHashSet<>();

    private Temporaries() {}

    /** Notes a file or directory that is about to be made. */
    public static void open(Path temporary) {
        LOCK.lock();
        try {
            OPEN.add(temporary);
        } finally {
            LOCK.unlock();
        }
    }

    /**
     * Makes and notes a directory in {@code java.io.tmpdir}.
     *
     * @throws IOException when it cannot be made there
     */
    public static Path openDirectory(String prefix) throws IOException {
        LOCK.lock();
        try {
            Path directory = Files.createTempDirectory(prefix);
            OPEN.add(directory);
            return directory;
        } finally {
            LOCK.unlock();
        }
    }

    /**
     * Gives a complete temporary its name, in one step.
     *
     * @throws IOException when it cannot be renamed; it stays noted
     */
    public static void publish(Path temporary, Path target) throws IOException {
        LOCK.lock();
        try {
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            OPEN.remove(temporary);
        } finally {
            LOCK.unlock();
        }
    }

    /**
     * Deletes a temporary, with everything in it; one that is not there is fine.
     *
     * @throws IOException when something of it cannot be deleted; it stays noted
     */
    public static void discard(Path temporary) throws IOException {
        LOCK.lock();
        try {
            deleteTree(temporary);
            OPEN.remove(temporary);
        } finally {
            LOCK.unlock();
        }
    }

    /**
     * Deletes, as far as possible, whatever is open, the last first. Only for a process that halts next: another thread that opens, publishes or
     * discards a temporary from now on waits for that end, so that nothing half deleted gets a name.
     */
    public static void abandon() {
        LOCK.lock();
        for (Path temporary : List.copyOf(OPEN).reversed()) {
            abandon(temporary);
        }
    }

    private static void abandon(Path temporary) {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            try {
                deleteTree(temporary);
                return;
            } catch (IOException e) {
                System.getLogger("dev.lowbit.checkpoint")
                        .log(System.Logger.Level.DEBUG, "cannot delete " + temporary, e);
            }
        }
    }

    /** What another thread deletes meanwhile is as good as deleted here. */
    private static void deleteTree(Path root) throws IOException {
        if (!Files.exists(root, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        List<Path> folders = new ArrayList<>();
        Files.walkFileTree(root, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult preVisitDirectory(Path folder, BasicFileAttributes attributes) {
                folders.add(folder);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult visitFileFailed(Path file, IOException e) throws IOException {
                if (e instanceof NoSuchFileException) {
                    return FileVisitResult.CONTINUE;
                }
                throw e;
            }
        });
        for (Path folder : folders.reversed()) {
            Files.deleteIfExists(folder);
        }
    }
}
