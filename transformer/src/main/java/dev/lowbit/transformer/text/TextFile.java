package dev.lowbit.transformer.text;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.LongFunction;

/** A file of plain UTF-8 text. */
public final class TextFile {
    /** A tokenizer needs about a hundred times a text's size while it works on it. */
    private static final long MOST_BYTES = 64L << 20;

    private TextFile() {}

    /**
     * The whole text.
     *
     * @throws MalformedFileException BAD_UTF8 naming the first byte that is not UTF-8
     * @throws InvalidRequestException impossible when the file is empty or has more than 64 MiB
     * @throws UncheckedIOException when it cannot be read
     */
    public static String read(Path file) {
        String text = read(
                file,
                MOST_BYTES,
                size -> InvalidRequestException.impossible(file + " has " + size + " bytes, at most " + MOST_BYTES
                        + " are read at once; cut it, or give JSON lines"));
        if (text.isEmpty()) {
            throw InvalidRequestException.impossible(file + " is empty; a text is needed");
        }
        return text;
    }

    /** As above, for any size up to {@code most} bytes. */
    static String read(Path file, long most, LongFunction<RuntimeException> tooLong) {
        try (InputStream stream = Files.newInputStream(file)) {
            long size = Files.size(file);
            byte[] bytes = size > most ? null : stream.readNBytes((int) most + 1);
            if (bytes == null || bytes.length > most) {
                throw tooLong.apply(Math.max(size, most + 1));
            }
            return decode(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    private static String decode(Path file, byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        CharBuffer out = CharBuffer.allocate(bytes.length);
        // a new decoder reports what is malformed, and stops before it
        CoderResult result = StandardCharsets.UTF_8.newDecoder().decode(in, out, true);
        if (result.isError()) {
            throw new MalformedFileException(
                    file, in.position(), Reason.BAD_UTF8, "is not UTF-8; convert it, for example with iconv");
        }
        return out.flip().toString();
    }
}
