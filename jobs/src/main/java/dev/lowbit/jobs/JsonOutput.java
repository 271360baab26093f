package dev.lowbit.jobs;

import com.fasterxml.jackson.annotation.JsonInclude;
import java.io.PrintStream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** The machine-readable result: exactly one JSON document on stdout. Absent values are left out, never null. */
public final class JsonOutput {
    private static final JsonMapper MAPPER = JsonMapper.builder()
            .enable(SerializationFeature.INDENT_OUTPUT)
            .changeDefaultPropertyInclusion(include -> include.withValueInclusion(JsonInclude.Include.NON_ABSENT)
                    .withContentInclusion(JsonInclude.Include.NON_ABSENT))
            .build();

    private JsonOutput() {}

    /**
     * Writes {@code document} and a line end.
     *
     * @param document a record (fields in the order of its components) or a map; empty optionals and nulls are left out
     */
    public static void write(PrintStream out, Object document) {
        out.println(text(document));
        out.flush();
    }

    /** The document as text. */
    public static String text(Object document) {
        return MAPPER.writeValueAsString(document);
    }
}
