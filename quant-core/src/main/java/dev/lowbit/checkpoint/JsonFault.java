package dev.lowbit.checkpoint;

import tools.jackson.core.JacksonException;

/** What the JSON library found wrong with a text, without its own names of places. */
public final class JsonFault {
    private JsonFault() {}

    /** One line. */
    public static String of(JacksonException fault) {
        String message = String.valueOf(fault.getOriginalMessage());
        String first = message.lines().findFirst().orElse("syntax error");
        int place = first.indexOf(" (start marker at");
        return OneLine.of(place < 0 ? first : first.substring(0, place));
    }
}
