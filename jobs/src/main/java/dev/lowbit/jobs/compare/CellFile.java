package dev.lowbit.jobs.compare;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.compress.JsonFields;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What is known about one cell, as a small JSON file beside its folder: what lets a comparison go on where it was stopped.
 *
 * @param format what the file is
 * @param made all that the bytes of the model depend on, by name
 * @param impossible why there is no model: the budget is too small
 * @param measured all that the figures depend on beside the model; empty when there are none yet
 * @param figures what was measured
 */
record CellFile(
        String format,
        SortedMap<String, String> made,
        Optional<String> impossible,
        SortedMap<String, String> measured,
        Figures figures) {
    private static final String FORMAT = "lowbit-compare-1";
    private static final long MAX_BYTES = 1 << 20;

    /** A model that was made and is to be measured. */
    static CellFile made(SortedMap<String, String> made) {
        return new CellFile(FORMAT, made, Optional.empty(), new TreeMap<>(), Figures.NONE);
    }

    /** A budget that the method cannot meet. */
    static CellFile impossible(SortedMap<String, String> made, String reason) {
        return new CellFile(FORMAT, made, Optional.of(reason), new TreeMap<>(), Figures.NONE);
    }

    CellFile measured(SortedMap<String, String> by, Figures measurement) {
        return new CellFile(FORMAT, made, Optional.empty(), by, measurement);
    }

    /**
     * Reads what is known; empty when there is no file.
     *
     * @param made what the bytes of the model depend on now
     * @throws InvalidRequestException (impossible) when the file is about other bytes, naming what differs
     * @throws MalformedFileException when it is no such file
     */
    static Optional<CellFile> read(Path file, SortedMap<String, String> made) {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        JsonFields document = new JsonFields(file, "", StrictJson.readObject(file, MAX_BYTES, Limits.defaults()));
        if (!document.has("format") || !document.text("format").equals(FORMAT)) {
            throw document.bad("is no result of lowbit compare; choose another --out, or remove it");
        }
        CellFile found = new CellFile(
                FORMAT,
                texts(document.object("made")),
                document.has("impossible") ? Optional.of(document.text("impossible")) : Optional.empty(),
                texts(document.object("measured")),
                figures(document.object("figures")));
        requireSame(file, found.made(), made);
        return Optional.of(found);
    }

    private static SortedMap<String, String> texts(JsonFields object) {
        SortedMap<String, String> texts = new TreeMap<>();
        object.values().keySet().forEach(key -> texts.put(key, object.text(key)));
        return texts;
    }

    private static Figures figures(JsonFields object) {
        return new Figures(
                whole(object, "bytes"),
                number(object, "bitsPerWeight"),
                whole(object, "tokens"),
                number(object, "perplexity"),
                number(object, "perplexityStdErr"),
                number(object, "klDivergence"),
                number(object, "klDivergenceStdErr"),
                number(object, "top1Agreement"));
    }

    private static OptionalLong whole(JsonFields object, String key) {
        return object.has(key) ? OptionalLong.of(object.nonNegative(key)) : OptionalLong.empty();
    }

    private static OptionalDouble number(JsonFields object, String key) {
        return object.has(key) ? OptionalDouble.of(object.number(key)) : OptionalDouble.empty();
    }

    private static void requireSame(Path file, Map<String, String> found, Map<String, String> wanted) {
        SortedMap<String, String> all = new TreeMap<>(found);
        all.putAll(wanted);
        for (String key : all.keySet()) {
            String before = found.getOrDefault(key, "absent");
            String now = wanted.getOrDefault(key, "absent");
            if (!before.equals(now)) {
                throw InvalidRequestException.impossible("the result beside " + file + " was made with another " + key
                        + ": " + before + ", not " + now + "; choose another --out, or remove it and its file");
            }
        }
    }

    /** Makes this the content of {@code file}, atomically. */
    void write(Path file) {
        AtomicOutput.writeString(file, JsonOutput.text(this) + "\n");
    }
}
