package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
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
    /** A file of the greatest length may hold a value for so many bytes: names included, real ones need more, and a map or list takes hundreds of bytes of the heap. */
    private static final int BYTES_PER_VALUE = 16;

    private StrictJson() {}

    /**
     * Reads a whole file that must hold one JSON object of at most {@code maxBytes}.
     *
     * @throws MalformedFileException with reason BAD_JSON (also when too long), BAD_UTF8, DUPLICATE_KEY or NESTING_TOO_DEEP
     * @throws UncheckedIOException when the file cannot be read
     */
    public static Map<String, Object> readObject(Path file, long maxBytes, Limits limits) {
        return read(
                file,
                maxBytes,
                stream -> object(file, stream, limits, maxBytes / BYTES_PER_VALUE, Reason.BAD_JSON, false));
    }

    /**
     * Reads some fields of a whole file that must hold one JSON object; the others are checked and skipped.
     *
     * @param maxValues most values of these fields
     */
    static Map<String, Object> readFields(Path file, Set<String> fields, long maxBytes, long maxValues, Limits limits) {
        return read(file, maxBytes, stream -> {
            try (JsonTokens tokens = new JacksonTokens(file, limits, 0, stream, false)) {
                requireObject(tokens, Reason.BAD_JSON);
                Map<String, Object> found = new LinkedHashMap<>();
                Set<String> names = new HashSet<>();
                while (tokens.next() == JsonToken.PROPERTY_NAME) {
                    String name = tokens.text();
                    tokens.requireNew(names.add(name), name);
                    if (fields.contains(name)) {
                        found.put(name, tokens.value(tokens.next(), maxValues));
                    } else {
                        tokens.countSkippedKey();
                        tokens.skip(tokens.next());
                    }
                }
                tokens.expectEnd();
                return found;
            }
        });
    }

    private static Map<String, Object> read(
            Path file, long maxBytes, Function<InputStream, Map<String, Object>> parse) {
        try {
            long size = Files.size(file);
            if (size > maxBytes) {
                throw new MalformedFileException(
                        file, 0, Reason.BAD_JSON, "is " + size + " bytes long, at most " + maxBytes + " are read");
            }
            try (InputStream stream = Files.newInputStream(file)) {
                return parse.apply(stream);
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
        return object(file, utf8, limits, Reason.BAD_JSON, false);
    }

    /** As above, from a string. */
    public static Map<String, Object> parseObject(Path file, String text, Limits limits) {
        return parseObject(file, text.getBytes(StandardCharsets.UTF_8), limits);
    }

    /** One line of JSON lines, which may be of token ids alone: as many values as it has room for, because lines have a cap of their own. */
    static Map<String, Object> parseLine(Path file, byte[] utf8, Limits limits) {
        return object(file, new ByteArrayInputStream(utf8), limits, utf8.length, Reason.BAD_JSON, false);
    }

    /** A config.json: the literals NaN and Infinity that Python writes are numbers; faults of form are BAD_CONFIG. */
    static Map<String, Object> parseConfig(Path file, byte[] utf8, Limits limits) {
        try {
            return object(file, utf8, limits, Reason.BAD_CONFIG, true);
        } catch (MalformedFileException e) {
            if (e.reason() == Reason.NESTING_TOO_DEEP) {
                throw new MalformedFileException(file, e.byteOffset(), Reason.BAD_CONFIG, e.detail(), e);
            }
            throw e;
        }
    }

    private static Map<String, Object> object(
            Path file, byte[] utf8, Limits limits, Reason otherValue, boolean nonFinite) {
        long maxValues = limits.maxConfigBytes() / BYTES_PER_VALUE;
        return object(file, new ByteArrayInputStream(utf8), limits, maxValues, otherValue, nonFinite);
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> object(
            Path file, InputStream stream, Limits limits, long maxValues, Reason otherValue, boolean nonFinite) {
        try (JsonTokens tokens = new JacksonTokens(file, limits, 0, stream, nonFinite)) {
            JsonToken first = requireObject(tokens, otherValue);
            Object value = tokens.value(first, maxValues);
            tokens.expectEnd();
            return (Map<String, Object>) value;
        }
    }

    private static JsonToken requireObject(JsonTokens tokens, Reason otherValue) {
        JsonToken first = tokens.next();
        if (first != JsonToken.START_OBJECT) {
            if (first != null) {
                tokens.skip(first);
            }
            throw tokens.fail(otherValue, first == null ? "is empty" : "a JSON object is needed");
        }
        return first;
    }
}
