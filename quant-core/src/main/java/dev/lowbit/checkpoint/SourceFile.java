package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Objects;

/**
 * An input file as it was when it was first looked at. Every access opens it anew, read-only, and compares identity, size
 * and time before and after: so an interrupted thread closes only its own channel, and a file that somebody truncates,
 * replaces or rewrites is noticed instead of being believed.
 */
final class SourceFile {
    private final Path path;
    private final long size;
    private final FileTime modified;
    private final Object key;

    private SourceFile(Path path, BasicFileAttributes attributes) {
        this.path = path;
        this.size = attributes.size();
        this.modified = attributes.lastModifiedTime();
        this.key = attributes.fileKey();
    }

    /**
     * Looks at {@code path}.
     *
     * @throws UncheckedIOException when it does not exist or cannot be read
     * @throws MalformedFileException NOT_SAFETENSORS when it is a folder, a pipe or a device
     */
    static SourceFile of(Path path) {
        try {
            BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
            if (!attributes.isRegularFile()) {
                throw new MalformedFileException(path, -1, Reason.NOT_SAFETENSORS, "is not a regular file");
            }
            return new SourceFile(path, attributes);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    Path path() {
        return path;
    }

    long size() {
        return size;
    }

    /** Something that reads through a channel and may fail with an I/O error. */
    @FunctionalInterface
    interface Reading<T> {
        T from(FileChannel channel) throws IOException;
    }

    /**
     * Runs {@code body} on a channel of its own.
     *
     * @throws MalformedFileException FILE_CHANGED when the file is no longer the one first looked at, also when that shows as
     *     a fault of a mapped access
     * @throws UncheckedIOException when reading fails
     */
    <T> T read(Reading<T> body) {
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ)) {
            requireUnchanged(channel);
            T result = body.from(channel);
            // also gives a fault in compiled code, which the JVM reports late, a place to surface
            requireUnchanged(channel);
            return result;
        } catch (InternalError e) {
            throw translate(path, e);
        } catch (NoSuchFileException e) {
            throw changed(path, "it was removed", e);
        } catch (IOException e) {
            throw unreadable(path, e);
        }
    }

    /** Maps {@code length} bytes from {@code offset}, read-only; unmapped when {@code arena} closes. */
    MemorySegment map(FileChannel channel, long offset, long length, Arena arena) throws IOException {
        return channel.map(FileChannel.MapMode.READ_ONLY, offset, length, arena);
    }

    private void requireUnchanged(FileChannel channel) throws IOException {
        BasicFileAttributes now = Files.readAttributes(path, BasicFileAttributes.class);
        if (channel.size() != size || now.size() != size) {
            throw changed(path, "it had " + size + " bytes and now has " + now.size(), null);
        }
        if (!now.lastModifiedTime().equals(modified) || !Objects.equals(now.fileKey(), key)) {
            throw changed(path, "it was written to or replaced", null);
        }
    }

    /** Turns the JVM's report of a fault in mapped memory into the file's fault; other errors come back as they are. */
    static RuntimeException translate(Path path, InternalError error) {
        String message = error.getMessage();
        if (message == null || !message.contains("unsafe memory access")) {
            throw error;
        }
        return changed(path, "it was truncated", error);
    }

    private static MalformedFileException changed(Path path, String how, Throwable cause) {
        return new MalformedFileException(
                path,
                -1,
                Reason.FILE_CHANGED,
                "changed while it was read: " + how + "; run again when nothing writes to it",
                cause);
    }

    private static UncheckedIOException unreadable(Path path, IOException e) {
        String what = e instanceof NoSuchFileException ? "no such file" : e.toString();
        return new UncheckedIOException("cannot read " + path + ": " + what, e);
    }
}
