package dev.lowbit.checkpoint;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.UUID;

/**
 * Files that appear whole or not at all: written to a temporary beside the target, forced to the disk, renamed over the
 * target. A file that is mapped elsewhere keeps its old content, because the rename gives the name to a new file.
 */
public final class AtomicOutput {
    private static final String SUFFIX = ".lowbit-tmp";

    private AtomicOutput() {}

    /**
     * Lets {@code content} write the new content of {@code target}.
     *
     * @throws UncheckedIOException when writing fails (disk full, read-only, ...); the temporary is removed and the target
     *     is as it was
     */
    public static void write(Path target, IOConsumer<OutputStream> content) {
        Path temporary = temporary(target);
        try {
            try (FileChannel channel = create(temporary)) {
                OutputStream stream = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
                content.accept(stream);
                stream.flush();
                channel.force(true);
            }
            publish(temporary, target);
        } catch (IOException e) {
            discard(temporary, e);
            throw new UncheckedIOException("cannot write " + target + ": " + e, e);
        } catch (RuntimeException | Error e) {
            discard(temporary, e);
            throw e;
        }
    }

    /** Makes {@code text} in UTF-8 the content of {@code target}; fails like {@link #write}. */
    public static void writeString(Path target, String text) {
        write(target, stream -> stream.write(text.getBytes(StandardCharsets.UTF_8)));
    }

    /**
     * Makes the content of {@code source} that of {@code target}; fails like {@link #write}.
     *
     * @return lower-case hex SHA-256 of what was copied
     */
    public static String copy(Path source, Path target) {
        MessageDigest digest = Digest.sha256();
        write(target, stream -> Files.copy(source, new DigestOutputStream(stream, digest)));
        return Digest.hex(digest);
    }

    /** Whether {@code file} is named like a temporary of this class: what a killed process may leave behind. */
    public static boolean isTemporary(Path file) {
        String name = file.getFileName().toString();
        return name.startsWith(".") && name.endsWith(SUFFIX);
    }

    /** A name beside {@code target} that no other writer uses: hidden, and never ending like a weight file. */
    static Path temporary(Path target) {
        return target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID() + SUFFIX);
    }

    static FileChannel create(Path temporary) throws IOException {
        Temporaries.open(temporary);
        try {
            return FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        } catch (IOException e) {
            discard(temporary, e);
            throw e;
        }
    }

    /** Renames a complete, forced temporary to its target and makes the rename itself durable. */
    public static void publish(Path temporary, Path target) throws IOException {
        Temporaries.publish(temporary, target);
        Path folder = target.toAbsolutePath().getParent();
        try (FileChannel directory = FileChannel.open(folder, StandardOpenOption.READ)) {
            directory.force(true);
        } catch (IOException e) {
            // some systems cannot open a directory; the rename is atomic there all the same
            System.getLogger("dev.lowbit.checkpoint")
                    .log(System.Logger.Level.DEBUG, "cannot force directory " + folder, e);
        }
    }

    static void discard(Path temporary, Throwable because) {
        try {
            Temporaries.discard(temporary);
        } catch (IOException e) {
            because.addSuppressed(e);
        }
    }
}
