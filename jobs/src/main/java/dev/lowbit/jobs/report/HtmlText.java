package dev.lowbit.jobs.report;

/** Builds HTML; every text is escaped, because names come from files. */
final class HtmlText {
    private final StringBuilder out = new StringBuilder();

    /** Markup as it is. */
    void raw(String markup) {
        out.append(markup);
    }

    /** A text, escaped. */
    void text(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '&' -> out.append("&amp;");
                case '"' -> out.append("&quot;");
                default -> out.append(c);
            }
        }
    }

    void element(String tag, String text) {
        element(tag, "", text);
    }

    void element(String tag, String attributes, String text) {
        out.append('<')
                .append(tag)
                .append(attributes.isEmpty() ? "" : " " + attributes)
                .append('>');
        text(text);
        out.append("</").append(tag).append(">\n");
    }

    /** A row of cells {@code th} or {@code td}. */
    void row(String cell, String... texts) {
        out.append("<tr>");
        for (String text : texts) {
            out.append('<').append(cell).append('>');
            text(text);
            out.append("</").append(cell).append('>');
        }
        out.append("</tr>\n");
    }

    @Override
    public String toString() {
        return out.toString();
    }
}
