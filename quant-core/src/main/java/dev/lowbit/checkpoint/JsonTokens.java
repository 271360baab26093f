package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import tools.jackson.core.JsonToken;

/**
 * A stream of JSON tokens with the rules that hold for every file we read: nesting limited, keys unique, integers exact,
 * text well-formed, nothing after the value. Subclasses supply the tokens.
 */
abstract class JsonTokens implements AutoCloseable {
    /** Numbers that Python writes without digits. The parser lets others pass, such as -INF, which are in no format. */
    private static final Set<String> NON_FINITE = Set.of("NaN", "Infinity", "-Infinity");

    /** Most keys remembered while skipping values that the format does not know, so that they cannot fill the heap. */
    private static final int MAX_SKIPPED_KEYS = 100_000;

    private final Path file;
    private final Limits limits;
    private int depth;
    private int skippedKeys;
    private long values;
    private long maxValues;

    JsonTokens(Path file, Limits limits) {
        this.file = file;
        this.limits = limits;
    }

    /** The next token of the grammar, or null after the last; text of names and strings is decoded. */
    abstract JsonToken read();

    /** The decoded text of a name or string, the digits of a number. */
    abstract String text();

    /** Bytes from the start of the file to the current token. */
    abstract long offset();

    @Override
    public abstract void close();

    final Path file() {
        return file;
    }

    final Limits limits() {
        return limits;
    }

    final JsonToken next() {
        JsonToken token = read();
        if (token == JsonToken.START_OBJECT || token == JsonToken.START_ARRAY) {
            if (++depth > limits.maxJsonDepth()) {
                throw fail(Reason.NESTING_TOO_DEEP, "JSON nests deeper than " + limits.maxJsonDepth() + " levels");
            }
        } else if (token == JsonToken.END_OBJECT || token == JsonToken.END_ARRAY) {
            depth--;
        } else if (token == JsonToken.PROPERTY_NAME || token == JsonToken.VALUE_STRING) {
            requireWellFormed(text());
        } else if (token == JsonToken.VALUE_NUMBER_FLOAT) {
            requireNumber(text());
        }
        return token;
    }

    final void expectEnd() {
        if (next() != null) {
            throw fail(Reason.BAD_JSON, "more text after the end of the JSON value");
        }
    }

    final MalformedFileException fail(Reason reason, String detail) {
        return new MalformedFileException(file, offset(), reason, detail);
    }

    /** Reads past the value that begins with {@code token}, checking it as strictly as one that is used. */
    final void skip(JsonToken token) {
        if (token == JsonToken.START_ARRAY) {
            for (JsonToken t = next(); t != JsonToken.END_ARRAY; t = next()) {
                skip(t);
            }
        } else if (token == JsonToken.START_OBJECT) {
            Set<String> keys = new HashSet<>();
            while (next() == JsonToken.PROPERTY_NAME) {
                requireNew(keys.add(text()), text());
                countSkippedKey();
                skip(next());
            }
        }
    }

    /** Notes a name that is remembered although its value is skipped. */
    final void countSkippedKey() {
        if (++skippedKeys > MAX_SKIPPED_KEYS) {
            throw fail(Reason.BAD_JSON, "more than " + MAX_SKIPPED_KEYS + " keys in unknown fields");
        }
    }

    /**
     * The value that begins with {@code token}: an unmodifiable Map in file order, an unmodifiable List, a String, Long,
     * BigInteger (only beyond 64 bits), Double, Boolean or null.
     *
     * @param most values that are read from this file, each map and list and each value in them; beyond it is BAD_JSON, before they fill the heap
     */
    final Object value(JsonToken token, long most) {
        maxValues = most;
        return value(token);
    }

    private Object value(JsonToken token) {
        if (++values > maxValues) {
            throw fail(Reason.BAD_JSON, "holds more than " + maxValues + " values");
        }
        return switch (token) {
            case START_OBJECT -> object();
            case START_ARRAY -> array();
            case VALUE_STRING -> text();
            case VALUE_NUMBER_INT -> integer(text());
            case VALUE_NUMBER_FLOAT -> Double.valueOf(text());
            case VALUE_TRUE -> Boolean.TRUE;
            case VALUE_FALSE -> Boolean.FALSE;
            case VALUE_NULL -> null;
            default -> throw fail(Reason.BAD_JSON, "a JSON value is missing");
        };
    }

    private Map<String, Object> object() {
        LinkedHashMap<String, Object> map = new LinkedHashMap<>();
        while (next() == JsonToken.PROPERTY_NAME) {
            String key = text();
            requireNew(!map.containsKey(key), key);
            map.put(key, value(next()));
        }
        return Collections.unmodifiableSequencedMap(map);
    }

    private List<Object> array() {
        List<Object> list = new ArrayList<>();
        for (JsonToken token = next(); token != JsonToken.END_ARRAY; token = next()) {
            list.add(value(token));
        }
        return Collections.unmodifiableList(list);
    }

    final void requireNew(boolean isNew, String key) {
        if (!isNew) {
            throw fail(Reason.DUPLICATE_KEY, "key " + OneLine.quote(key) + " stands twice in one object");
        }
    }

    private static Object integer(String digits) {
        // 18 digits and a sign always fit; longer ones are rare enough for the exact test
        if (digits.length() <= 18) {
            return Long.valueOf(digits);
        }
        BigInteger exact = new BigInteger(digits);
        return exact.bitLength() < Long.SIZE ? (Object) exact.longValue() : exact;
    }

    private void requireNumber(String text) {
        char last = text.charAt(text.length() - 1);
        if ((last < '0' || last > '9') && !NON_FINITE.contains(text)) {
            throw fail(Reason.BAD_JSON, "not valid JSON: " + OneLine.quote(text) + " is no number");
        }
    }

    private void requireWellFormed(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (!Character.isSurrogate(c)) {
                continue;
            }
            boolean pair = Character.isHighSurrogate(c)
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1));
            if (!pair) {
                throw fail(Reason.BAD_JSON, "a string holds half of a surrogate pair");
            }
            i++;
        }
    }
}
