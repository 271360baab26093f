package dev.lowbit.store;

import dev.lowbit.checkpoint.JsonText;
import java.nio.charset.StandardCharsets;
import java.util.Locale;

/**
 * Writes JSON whose every byte is ours to fix: the size of a manifest must be known before its measured numbers are, so a
 * measured number takes the same room whatever it is. Two spaces per level; an inline object stands on one line.
 */
final class Json {
    private final StringBuilder text = new StringBuilder();
    private int depth;
    private int inline;
    private boolean first = true;

    Json open(char bracket) {
        text.append(bracket);
        depth++;
        inline += inline > 0 ? 1 : 0;
        first = true;
        return this;
    }

    /** Opens an object or array that stands on one line up to its end. */
    Json openInline(char bracket) {
        open(bracket);
        inline = Math.max(inline, 1);
        return this;
    }

    Json close(char bracket) {
        depth--;
        if (inline > 0) {
            inline--;
        } else if (!first) {
            newLine();
        }
        text.append(bracket);
        first = false;
        return this;
    }

    /** Begins an array element. */
    Json next() {
        if (!first) {
            text.append(inline > 0 ? ", " : ",");
        }
        if (inline == 0) {
            newLine();
        }
        first = false;
        return this;
    }

    private void newLine() {
        text.append('\n').repeat("  ", depth);
    }

    Json key(String name) {
        next();
        JsonText.quote(name, text);
        text.append(": ");
        return this;
    }

    Json string(String value) {
        JsonText.quote(value, text);
        return this;
    }

    Json number(long value) {
        text.append(value);
        return this;
    }

    Json bool(boolean value) {
        text.append(value);
        return this;
    }

    /** 17 significant digits, so that reading gives back the very same double, right-aligned in 24 characters. */
    Json measured(double value) {
        text.append(String.format(Locale.ROOT, "%24.16e", value));
        return this;
    }

    /** The document in UTF-8, ended by a line feed. */
    byte[] bytes() {
        return (text + "\n").getBytes(StandardCharsets.UTF_8);
    }
}
