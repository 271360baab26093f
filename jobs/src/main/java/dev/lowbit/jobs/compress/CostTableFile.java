package dev.lowbit.jobs.compress;

import dev.lowbit.budget.Candidate;
import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.method.Compressor;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.json.JsonFactory;

/**
 * A cost table as a file: JSON, one line per candidate, for people to read and change. It may hold only some of the matrices;
 * the rest are priced when they are needed.
 */
final class CostTableFile {
    /** Version of the file; a reader refuses others. */
    private static final int VERSION = 2;

    private static final String FORMAT = "lowbit-costs";

    /** Some hundred candidates of some hundred bytes for each of many thousand matrices. */
    private static final long MAX_BYTES = 1L << 30;

    /** Leaves the stream open for {@link AtomicOutput}, which forces it to the disk. */
    private static final JsonFactory JSON =
            JsonFactory.builder().disable(StreamWriteFeature.AUTO_CLOSE_TARGET).build();

    private CostTableFile() {}

    /**
     * Reads a table that was made by this software for this input, method and options; an empty table when there is no file.
     *
     * @throws MalformedFileException when the file is no cost table
     * @throws InvalidRequestException (impossible) when it belongs to other software, or another input, method or options
     */
    static CostTable read(Path file, CostTable.Key key) {
        CostTable table = new CostTable(key);
        if (!Files.exists(file)) {
            return table;
        }
        JsonFields document = new JsonFields(file, "", StrictJson.readObject(file, MAX_BYTES, Limits.defaults()));
        if (!document.has("format") || !document.text("format").equals(FORMAT)) {
            throw document.bad("is no cost table of Lowbit; name another file");
        }
        if (document.integer("version") != VERSION) {
            throw document.bad("has version " + document.integer("version") + ", this program reads " + VERSION);
        }
        requireKey(file, key(document), key);
        JsonFields matrices = document.object("matrices");
        for (String name : matrices.values().keySet()) {
            read(matrices.object(name), name, table);
        }
        if (document.has("divergences")) {
            JsonFields divergences = document.object("divergences");
            divergences.values().keySet().forEach(choice -> table.putDivergence(choice, divergences.magnitude(choice)));
        }
        return table;
    }

    private static CostTable.Key key(JsonFields document) {
        JsonFields limits = document.object("limits");
        int minRank = limits.size("minRank");
        int maxRank = limits.size("maxRank");
        if (minRank > maxRank) {
            throw limits.bad("minRank " + minRank + " is above maxRank " + maxRank);
        }
        return new CostTable.Key(
                document.text("software"),
                document.text("input"),
                document.text("importance"),
                document.text("method"),
                new Compressor.Limits(minRank, maxRank, limits.size("group"), limits.integer("seed")));
    }

    private static void requireKey(Path file, CostTable.Key found, CostTable.Key wanted) {
        String made;
        if (!found.software().equals(wanted.software())) {
            made = "by " + found.software() + ", this is " + wanted.software();
        } else if (!found.inputDigest().equals(wanted.inputDigest())) {
            made = "for another input (or this one before it was changed)";
        } else if (!found.importance().equals(wanted.importance())) {
            made = "for another calibration";
        } else if (!found.method().equals(wanted.method())) {
            made = "for method " + found.method() + ", not " + wanted.method();
        } else if (!found.limits().equals(wanted.limits())) {
            made = "for " + options(found.limits()) + ", not " + options(wanted.limits());
        } else {
            return;
        }
        throw InvalidRequestException.impossible(
                "the cost table " + file + " was made " + made + "; name another file or remove this one");
    }

    private static String options(Compressor.Limits limits) {
        return "--rank " + limits.maxRank() + " --min-rank " + limits.minRank()
                + (limits.groupSize() == 0 ? "" : " --group " + limits.groupSize()) + " --seed " + limits.seed();
    }

    private static void read(JsonFields matrix, String name, CostTable table) {
        List<Candidate> candidates = new ArrayList<>();
        for (JsonFields candidate : matrix.objects("candidates")) {
            candidates.add(new Candidate(
                    candidate.text("format"),
                    candidate.size("rank"),
                    candidate.nonNegative("bytes"),
                    candidate.magnitude("error"),
                    candidate.flag("exact")));
        }
        if (candidates.isEmpty()) {
            throw matrix.bad("has no candidate; at least one is needed");
        }
        JsonFields confirmed = matrix.object("confirmed");
        confirmed.values().keySet().forEach(format -> table.confirm(name, format, confirmed.magnitude(format)));
        table.put(
                name,
                new CostTable.Prices(
                        matrix.size("rows"),
                        matrix.size("columns"),
                        matrix.magnitude("squaredNorm"),
                        matrix.magnitude("largest"),
                        candidates));
    }

    /**
     * Makes {@code table} the content of {@code file}, atomically.
     *
     * @throws UncheckedIOException when it cannot be written
     */
    static void write(Path file, CostTable table) {
        AtomicOutput.write(file, stream -> {
            try (JsonGenerator json = JSON.createGenerator(ObjectWriteContext.empty(), stream)) {
                write(json, table);
            } catch (JacksonIOException e) {
                // a full disk is the system's fault, whoever was writing
                throw e.getCause();
            }
        });
    }

    private static void write(JsonGenerator json, CostTable table) {
        CostTable.Key key = table.key();
        json.writeStartObject();
        json.writeStringProperty("format", FORMAT);
        json.writeNumberProperty("version", VERSION);
        json.writeStringProperty("software", key.software());
        json.writeStringProperty("input", key.inputDigest());
        json.writeStringProperty("importance", key.importance());
        json.writeStringProperty("method", key.method());
        json.writeObjectPropertyStart("limits");
        json.writeNumberProperty("minRank", key.limits().minRank());
        json.writeNumberProperty("maxRank", key.limits().maxRank());
        json.writeNumberProperty("group", key.limits().groupSize());
        json.writeNumberProperty("seed", key.limits().seed());
        json.writeEndObject();
        json.writeObjectPropertyStart("matrices");
        table.all().forEach((name, prices) -> {
            json.writeRaw('\n');
            json.writeObjectPropertyStart(name);
            json.writeNumberProperty("rows", prices.rows());
            json.writeNumberProperty("columns", prices.columns());
            json.writeNumberProperty("squaredNorm", prices.squaredNorm());
            json.writeNumberProperty("largest", prices.largest());
            json.writeArrayPropertyStart("candidates");
            for (Candidate candidate : prices.candidates()) {
                json.writeRaw('\n');
                json.writeStartObject();
                json.writeStringProperty("format", candidate.format());
                json.writeNumberProperty("rank", candidate.rank());
                json.writeNumberProperty("bytes", candidate.bytes());
                json.writeNumberProperty("error", candidate.error());
                json.writeBooleanProperty("exact", candidate.exact());
                json.writeEndObject();
            }
            json.writeEndArray();
            json.writeRaw('\n');
            json.writeObjectPropertyStart("confirmed");
            table.confirmed(name).forEach((format, error) -> {
                // JSON has no infinity; a format that cannot hold the weights is found out again
                if (Double.isFinite(error)) {
                    json.writeNumberProperty(format, error);
                }
            });
            json.writeEndObject();
            json.writeEndObject();
        });
        json.writeEndObject();
        json.writeRaw('\n');
        json.writeObjectPropertyStart("divergences");
        table.divergences().forEach((choice, divergence) -> json.writeNumberProperty(choice, divergence));
        json.writeEndObject();
        json.writeEndObject();
        json.writeRaw('\n');
    }
}
