package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/**
 * Calibration data as JSON lines: each line an object with {@code "text"}, or with {@code "input_ids"}, a list of token ids.
 * Empty lines are skipped. One line is in memory at a time. Compression takes Fisher weights and no text; this is the reader that
 * computing them from text has to use, here already because each malformed case (empty, a line of 1 GB, no UTF-8, a token out of
 * range) must be refused with its line and has its test.
 */
public final class CalibrationLines {
    private static final int BUFFER = 1 << 16;

    /** What one line holds. */
    public sealed interface Sample {
        /** Text that is still to be tokenized. */
        record Text(String text) implements Sample {}

        /** Token ids, each in the vocabulary. */
        record Tokens(int[] ids) implements Sample {}
    }

    private final Path file;
    private final Limits limits;
    private final int vocabulary;
    private long line;

    private CalibrationLines(Path file, Limits limits, int vocabulary) {
        this.file = file;
        this.limits = limits;
        this.vocabulary = vocabulary;
    }

    /**
     * Gives every sample of {@code file} to {@code consumer}, in file order.
     *
     * @param vocabulary number of token ids there are
     * @throws MalformedFileException BAD_CALIBRATION, naming the line: no sample at all, a line beyond the limits, text that is
     *     no UTF-8 or no JSON object of the two kinds, a token id out of range
     * @throws UncheckedIOException when it cannot be read
     */
    public static void forEach(Path file, Limits limits, int vocabulary, Consumer<Sample> consumer) {
        new CalibrationLines(file, limits, vocabulary).read(consumer);
    }

    private void read(Consumer<Sample> consumer) {
        boolean any = false;
        try (InputStream stream = new BufferedInputStream(Files.newInputStream(file), BUFFER)) {
            ByteArrayOutputStream text = new ByteArrayOutputStream();
            while (next(stream, text)) {
                if (!isBlank(text)) {
                    consumer.accept(sample(text.toByteArray()));
                    any = true;
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
        if (!any) {
            throw bad("holds no sample");
        }
    }

    /** Reads a line without its end into {@code text}; false after the last. */
    private boolean next(InputStream stream, ByteArrayOutputStream text) throws IOException {
        text.reset();
        int c = stream.read();
        if (c < 0) {
            return false;
        }
        line++;
        for (; c >= 0 && c != '\n'; c = stream.read()) {
            if (text.size() == limits.maxStringBytes()) {
                throw bad("is longer than " + limits.maxStringBytes() + " bytes (Limits.maxStringBytes)");
            }
            text.write(c);
        }
        return true;
    }

    private static boolean isBlank(ByteArrayOutputStream text) {
        for (byte b : text.toByteArray()) {
            if (b != ' ' && b != '\t' && b != '\r') {
                return false;
            }
        }
        return true;
    }

    private Sample sample(byte[] text) {
        Map<String, Object> fields;
        try {
            fields = StrictJson.parseLine(file, text, limits);
        } catch (MalformedFileException e) {
            throw bad(e.detail());
        }
        if (fields.get("text") instanceof String string) {
            return new Sample.Text(string);
        }
        if (fields.get("input_ids") instanceof List<?> list) {
            return new Sample.Tokens(list.stream().mapToInt(this::token).toArray());
        }
        throw bad("has neither \"text\" nor \"input_ids\"");
    }

    private int token(Object id) {
        if (!(id instanceof Long token) || token < 0 || token >= vocabulary) {
            throw bad("token id " + OneLine.quote(String.valueOf(id)) + " is not in 0 to " + (vocabulary - 1));
        }
        return token.intValue();
    }

    private MalformedFileException bad(String detail) {
        return new MalformedFileException(file, -1, Reason.BAD_CALIBRATION, "line " + line + ": " + detail);
    }
}
