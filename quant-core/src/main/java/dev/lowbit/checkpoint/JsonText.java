package dev.lowbit.checkpoint;

/**
 * Compact JSON, written the way the safetensors reference writes it (no white space, only what must be escaped is), so that
 * a file that is read and written again keeps its bytes.
 */
public final class JsonText {
    private final StringBuilder text = new StringBuilder();
    private boolean first = true;
    private boolean afterName;

    JsonText beginObject() {
        return open('{');
    }

    JsonText endObject() {
        return close('}');
    }

    JsonText beginArray() {
        return open('[');
    }

    JsonText endArray() {
        return close(']');
    }

    JsonText name(String name) {
        separate();
        quote(name);
        text.append(':');
        afterName = true;
        return this;
    }

    JsonText string(String value) {
        separate();
        quote(value);
        return this;
    }

    JsonText integer(long value) {
        separate();
        text.append(value);
        return this;
    }

    private JsonText open(char bracket) {
        separate();
        text.append(bracket);
        first = true;
        return this;
    }

    private JsonText close(char bracket) {
        text.append(bracket);
        first = false;
        return this;
    }

    private void separate() {
        if (!first && !afterName) {
            text.append(',');
        }
        first = false;
        afterName = false;
    }

    private void quote(String value) {
        quote(value, text);
    }

    /** Appends a JSON string to {@code text}, which is modified: only what must be escaped is. */
    public static void quote(String value, StringBuilder text) {
        text.append('"');
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            switch (c) {
                case '"' -> text.append("\\\"");
                case '\\' -> text.append("\\\\");
                case '\b' -> text.append("\\b");
                case '\f' -> text.append("\\f");
                case '\n' -> text.append("\\n");
                case '\r' -> text.append("\\r");
                case '\t' -> text.append("\\t");
                default -> {
                    if (c < ' ') {
                        text.append("\\u00")
                                .append(Character.forDigit(c >> 4, 16))
                                .append(Character.forDigit(c & 15, 16));
                    } else {
                        text.append(c);
                    }
                }
            }
        }
        text.append('"');
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
