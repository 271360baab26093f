package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import tools.jackson.core.JsonToken;

/**
 * JSON tokens taken straight from bytes: RFC 8259 and UTF-8 written down once more, independent of the parser library, so
 * that two readers of one header can be compared.
 */
final class ByteTokens extends JsonTokens {
    private static final int MAX_NUMBER_CHARS = 1000;
    private static final int END = -1;
    private static final int BUFFER_BYTES = 1 << 13;

    private enum State {
        VALUE,
        VALUE_OR_END,
        NAME,
        NAME_OR_END,
        COLON,
        COMMA_OR_END,
        DONE
    }

    private final InputStream stream;
    private final byte[] buffer = new byte[BUFFER_BYTES];
    private int next;
    private int filled;
    private final boolean[] inObject;
    private final StringBuilder text = new StringBuilder();
    private int depth;
    private State state = State.VALUE;
    private long at;
    private int c;

    /**
     * @param base offset of the first byte of {@code stream} in the file, for messages
     * @param stream read to its end, in large pieces; not closed here
     */
    ByteTokens(Path file, Limits limits, long base, InputStream stream) {
        super(file, limits);
        this.stream = stream;
        this.inObject = new boolean[limits.maxJsonDepth() + 2];
        this.at = base - 1;
        advance();
    }

    private void advance() {
        if (next == filled) {
            refill();
        }
        c = filled < 0 ? END : buffer[next++] & 0xff;
        at++;
    }

    private void refill() {
        try {
            filled = stream.read(buffer);
            next = Math.min(0, filled);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file() + ": " + e, e);
        }
    }

    @Override
    JsonToken read() {
        skipSpace();
        if (state == State.COLON) {
            require(':', "':' is needed after a name");
            skipSpace();
            state = State.VALUE;
        } else if (state == State.COMMA_OR_END && c == ',') {
            advance();
            skipSpace();
            state = inObject[depth] ? State.NAME : State.VALUE;
        } else if (c == (state == State.COMMA_OR_END ? closing() : opensEmpty())) {
            return closeContainer();
        }
        return switch (state) {
            case NAME, NAME_OR_END -> name();
            case VALUE, VALUE_OR_END -> value();
            case DONE -> {
                if (c != END) {
                    throw bad("more text after the end of the JSON value");
                }
                yield null;
            }
            default -> throw bad("',' or a closing bracket is needed");
        };
    }

    private int closing() {
        return inObject[depth] ? '}' : ']';
    }

    /** The bracket that may close a container right after it was opened; never a byte in other states. */
    private int opensEmpty() {
        return state == State.NAME_OR_END ? '}' : state == State.VALUE_OR_END ? ']' : Integer.MIN_VALUE;
    }

    private JsonToken closeContainer() {
        JsonToken token = inObject[depth] ? JsonToken.END_OBJECT : JsonToken.END_ARRAY;
        advance();
        depth--;
        endValue();
        return token;
    }

    private void endValue() {
        state = depth == 0 ? State.DONE : State.COMMA_OR_END;
    }

    private JsonToken name() {
        string();
        state = State.COLON;
        return JsonToken.PROPERTY_NAME;
    }

    private JsonToken value() {
        JsonToken token = switch (c) {
            case '{' -> open(true);
            case '[' -> open(false);
            case '"' -> {
                string();
                yield JsonToken.VALUE_STRING;
            }
            case 't' -> literal("true", JsonToken.VALUE_TRUE);
            case 'f' -> literal("false", JsonToken.VALUE_FALSE);
            case 'n' -> literal("null", JsonToken.VALUE_NULL);
            case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' -> number();
            case END -> {
                if (depth == 0) {
                    state = State.DONE;
                    yield null;
                }
                throw bad("the text ends inside a JSON value");
            }
            default -> throw bad("a JSON value is needed");
        };
        if (token != null && !token.isStructStart()) {
            endValue();
        }
        return token;
    }

    private JsonToken open(boolean object) {
        advance();
        // one level more than allowed is let through for the caller to refuse
        inObject[++depth] = object;
        state = object ? State.NAME_OR_END : State.VALUE_OR_END;
        return object ? JsonToken.START_OBJECT : JsonToken.START_ARRAY;
    }

    private JsonToken literal(String word, JsonToken token) {
        for (int i = 0; i < word.length(); i++) {
            require(word.charAt(i), "a JSON value is needed");
        }
        return token;
    }

    private JsonToken number() {
        text.setLength(0);
        if (c == '-') {
            take();
        }
        if (c == '0') {
            take();
        } else {
            digits();
        }
        boolean integer = true;
        if (c == '.') {
            integer = false;
            take();
            digits();
        }
        if (c == 'e' || c == 'E') {
            integer = false;
            take();
            if (c == '+' || c == '-') {
                take();
            }
            digits();
        }
        if (c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
            throw bad("a number is followed by " + OneLine.quote(Character.toString(c)));
        }
        return integer ? JsonToken.VALUE_NUMBER_INT : JsonToken.VALUE_NUMBER_FLOAT;
    }

    private void digits() {
        if (c < '0' || c > '9') {
            throw bad("a digit is needed");
        }
        while (c >= '0' && c <= '9') {
            take();
        }
    }

    private void take() {
        if (text.length() == MAX_NUMBER_CHARS) {
            throw bad("a number is longer than " + MAX_NUMBER_CHARS + " characters");
        }
        text.append((char) c);
        advance();
    }

    private void string() {
        require('"', "a string is needed");
        text.setLength(0);
        while (c != '"') {
            if (c == END) {
                throw bad("the text ends inside a string");
            }
            if (c < ' ') {
                throw bad("a control character stands in a string");
            }
            if (c == '\\') {
                advance();
                text.append(escape());
            } else {
                text.appendCodePoint(codePoint());
            }
            if (text.length() > limits().maxStringBytes()) {
                throw bad("a string is longer than " + limits().maxStringBytes() + " characters");
            }
        }
        advance();
    }

    private char escape() {
        int kind = c;
        advance();
        return switch (kind) {
            case '"', '\\', '/' -> (char) kind;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                int unit = 0;
                for (int i = 0; i < 4; i++) {
                    int digit = c < 0x80 ? Character.digit(c, 16) : -1;
                    if (digit < 0) {
                        throw bad("four hex digits are needed after \\u");
                    }
                    unit = unit << 4 | digit;
                    advance();
                }
                yield (char) unit;
            }
            default -> throw bad("unknown escape in a string");
        };
    }

    /** One character of the table "Well-Formed UTF-8 Byte Sequences" of the Unicode standard. */
    private int codePoint() {
        int lead = c;
        advance();
        if (lead < 0x80) {
            return lead;
        }
        if (lead < 0xc2 || lead > 0xf4) {
            throw notUtf8();
        }
        int more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        int low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        int high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        int point = lead & 0x3f >> more;
        for (int i = 0; i < more; i++) {
            if (c < low || c > high) {
                throw notUtf8();
            }
            point = point << 6 | c & 0x3f;
            advance();
            low = 0x80;
            high = 0xbf;
        }
        return point;
    }

    private void skipSpace() {
        while (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            advance();
        }
    }

    private void require(char expected, String otherwise) {
        if (c != expected) {
            throw bad(otherwise);
        }
        advance();
    }

    private MalformedFileException bad(String detail) {
        if (c >= 0x80) {
            // tells a foreign byte from a foreign character
            codePoint();
        }
        return fail(Reason.BAD_JSON, "not valid JSON: " + detail);
    }

    private MalformedFileException notUtf8() {
        return fail(Reason.BAD_UTF8, "the text is not valid UTF-8");
    }

    @Override
    String text() {
        return text.toString();
    }

    @Override
    long offset() {
        return at;
    }

    @Override
    public void close() {}
}
