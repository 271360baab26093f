package dev.lowbit.transformer.text;

import dev.lowbit.checkpoint.CalibrationLines;
import dev.lowbit.checkpoint.CalibrationLines.Sample;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The token ids of a file: one document when it is plain text, one for each line when it is JSON lines (by its name,
 * {@code *.jsonl} or {@code *.ndjson}). No beginning-of-sequence token stands in them unless the file has it.
 *
 * @param documents ids of each document, at least one document and one id in all
 */
public record Corpus(List<int[]> documents) {
    /** For each byte of a text that is encoded at once: measured with 2.5 bytes of text in a token, where most vocabularies have 4. */
    private static final long BYTES_OF_TEXT = 160;

    /** For each byte of JSON lines: an id of four bytes for it at most, twice. */
    private static final long BYTES_OF_LINES = 8;

    public Corpus {
        documents = List.copyOf(documents);
    }

    /**
     * Reads and encodes a file.
     *
     * @param vocabulary number of token ids that the model has
     * @throws MalformedFileException for text that is not UTF-8, bad JSON lines, a tokenizer whose ids the model does not have
     * @throws InvalidRequestException impossible for an empty file, one that gives no token, or one beyond the limits
     */
    public static Corpus read(Path file, Tokenizer tokenizer, int vocabulary) {
        List<int[]> documents = new ArrayList<>();
        if (isLines(file)) {
            CalibrationLines.forEach(
                    file,
                    Limits.defaults(),
                    vocabulary,
                    sample -> documents.add(
                            switch (sample) {
                                case Sample.Text text -> line(file, tokenizer, text.text());
                                case Sample.Tokens tokens -> tokens.ids();
                            }));
        } else {
            documents.add(tokenizer.encode(TextFile.read(file)));
        }
        documents.removeIf(ids -> ids.length == 0);
        documents.forEach(ids -> tokenizer.requireKnown(ids, vocabulary));
        if (documents.isEmpty()) {
            throw InvalidRequestException.impossible(file + " gives no tokens; at least one is needed");
        }
        return new Corpus(documents);
    }

    /**
     * Bytes that reading a file takes for a while, about. A plain text is encoded at once, JSON lines one after the other, and the library
     * keeps a record of every token.
     *
     * @throws UncheckedIOException when the file cannot be read
     */
    public static long readingBytes(Path file) {
        try {
            long size = Files.size(file);
            return isLines(file) ? BYTES_OF_LINES * size + BYTES_OF_TEXT * longestLine(file) : BYTES_OF_TEXT * size;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    private static long longestLine(Path file) throws IOException {
        long longest = 0;
        long length = 0;
        try (InputStream in = Files.newInputStream(file)) {
            byte[] some = new byte[1 << 16];
            for (int read = in.read(some); read >= 0; read = in.read(some)) {
                for (int i = 0; i < read; i++) {
                    length = some[i] == '\n' ? 0 : length + 1;
                    longest = Math.max(longest, length);
                }
            }
        }
        return longest;
    }

    private static boolean isLines(Path file) {
        String name = String.valueOf(file.getFileName());
        return name.endsWith(".jsonl") || name.endsWith(".ndjson");
    }

    private static int[] line(Path file, Tokenizer tokenizer, String text) {
        try {
            return tokenizer.encode(text);
        } catch (InvalidRequestException e) {
            throw new MalformedFileException(file, -1, Reason.BAD_CALIBRATION, e.getMessage(), e);
        }
    }

    /** Tokens of all documents. */
    public long tokens() {
        return documents.stream().mapToLong(ids -> ids.length).sum();
    }

    /** The documents one behind the other. */
    public int[] joined() {
        return documents.stream().flatMapToInt(Arrays::stream).toArray();
    }
}
