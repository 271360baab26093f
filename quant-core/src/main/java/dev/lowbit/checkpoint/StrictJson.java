package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import tools.jackson.core.JsonToken;

/**
 * JSON as trees of plain values, read strictly (RFC 8259, UTF-8 without byte order mark, unique keys, limited nesting and
 * string length, exact integers) and written deterministically.
 *
 * <p>Values: {@code Map<String, Object>} in file order, {@code List<Object>}, {@code String}, {@code Long},
 * {@code BigInteger} (only beyond 64 bits), {@code Double}, {@code Boolean}, {@code null}. Read maps and lists are
 * unmodifiable.
 */
public final class StrictJson {
    private StrictJson() {}

    /**
     * Reads a whole file that must hold one JSON object of at most {@code maxBytes}.
     *
     * @throws MalformedFileException with reason BAD_JSON (also when too long), BAD_UTF8, DUPLICATE_KEY or NESTING_TOO_DEEP
     * @throws UncheckedIOException when the file cannot be read
     */
    public static Map<String, Object> readObject(Path file, long maxBytes, Limits limits) {
        try {
            long size = Files.size(file);
            if (size > maxBytes) {
                throw new MalformedFileException(
                        file, 0, Reason.BAD_JSON, "is " + size + " bytes long, at most " + maxBytes + " are read");
            }
            try (InputStream stream = Files.newInputStream(file)) {
                return object(file, stream, limits, Reason.BAD_JSON, false);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    /**
     * Reads one JSON object from text that came from {@code file} (named in messages only).
     *
     * @throws MalformedFileException with reason BAD_JSON, BAD_UTF8, DUPLICATE_KEY or NESTING_TOO_DEEP
     */
    public static Map<String, Object> parseObject(Path file, byte[] utf8, Limits limits) {
        return object(file, new ByteArrayInputStream(utf8), limits, Reason.BAD_JSON, false);
    }

    /** As above, from a string. */
    public static Map<String, Object> parseObject(Path file, String text, Limits limits) {
        return parseObject(file, text.getBytes(StandardCharsets.UTF_8), limits);
    }

    /** A config.json: the literals NaN and Infinity that Python writes are numbers; faults of form are BAD_CONFIG. */
    static Map<String, Object> parseConfig(Path file, byte[] utf8, Limits limits) {
        try {
            return object(file, new ByteArrayInputStream(utf8), limits, Reason.BAD_CONFIG, true);
        } catch (MalformedFileException e) {
            if (e.reason() == Reason.NESTING_TOO_DEEP) {
                throw new MalformedFileException(file, e.byteOffset(), Reason.BAD_CONFIG, e.detail(), e);
            }
            throw e;
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(
            Path file, InputStream stream, Limits limits, Reason otherValue, boolean nonFinite) {
        try (JsonTokens tokens = new JacksonTokens(file, limits, 0, stream, nonFinite)) {
            JsonToken first = tokens.next();
            if (first != JsonToken.START_OBJECT) {
                if (first != null) {
                    tokens.skip(first);
                }
                throw tokens.fail(otherValue, first == null ? "is empty" : "a JSON object is needed");
            }
            Object value = tokens.value(first);
            tokens.expectEnd();
            return (Map<String, Object>) value;
        }
    }
}
