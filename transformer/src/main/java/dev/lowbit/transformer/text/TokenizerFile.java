package dev.lowbit.transformer.text;

import dev.lowbit.checkpoint.JsonFault;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;

/** A tokenizer.json as text, whole and without its special tokens. */
final class TokenizerFile {
    /** Those of the largest vocabularies in circulation have 35 MB. */
    private static final long MOST_BYTES = 256L << 20;

    /** The library's own limit is 128. */
    private static final int MOST_DEPTH = 100;

    private static final JsonFactory FACTORY = JsonFactory.builder()
            .streamReadConstraints(
                    StreamReadConstraints.builder().maxNestingDepth(MOST_DEPTH).build())
            .build();

    private final Path path;
    private final byte[] json;

    private TokenizerFile(Path path, byte[] json) {
        this.path = path;
        this.json = json;
    }

    /**
     * Reads the one of a model folder.
     *
     * @throws InvalidRequestException impossible when there is none
     * @throws MalformedFileException BAD_TOKENIZER when it is too long or no JSON, BAD_UTF8
     */
    static TokenizerFile read(Path folder) {
        Path path = folder.resolve("tokenizer.json");
        if (!Files.isRegularFile(path)) {
            throw InvalidRequestException.impossible(
                    folder
                            + " has no tokenizer.json, which text needs; give a complete model folder, or token ids instead of text");
        }
        TokenizerFile file = new TokenizerFile(
                path,
                TextFile.read(
                                path,
                                MOST_BYTES,
                                size -> new MalformedFileException(
                                        path,
                                        -1,
                                        Reason.BAD_TOKENIZER,
                                        "has " + size + " bytes, at most " + MOST_BYTES + " are read"))
                        .getBytes(StandardCharsets.UTF_8));
        file.requireJson();
        return file;
    }

    /**
     * The library ends the whole process over a fault of grammar in some places of the file (its decoder section), so there must be
     * none that it could see: nothing nested deeper, no number larger, no surrogate on its own.
     */
    private void requireJson() {
        try (JsonParser parser = parser()) {
            for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
                if (token.isNumeric() && !Double.isFinite(parser.getDoubleValue())) {
                    throw bad("holds the number " + parser.getString(), null);
                }
                if (token == JsonToken.VALUE_STRING || token == JsonToken.PROPERTY_NAME) {
                    requirePairs(parser.getString());
                }
            }
        } catch (JacksonException e) {
            throw bad(JsonFault.of(e), e);
        }
    }

    private void requirePairs(String text) {
        if (Tokenizer.unpairedSurrogate(text) >= 0) {
            throw bad("holds half a surrogate pair", null);
        }
    }

    private JsonParser parser() {
        return FACTORY.createParser(ObjectReadContext.empty(), json);
    }

    Path path() {
        return path;
    }

    String text() {
        return new String(json, StandardCharsets.UTF_8);
    }

    /**
     * A tokenizer in whose texts the name of a special token is text like any other.
     *
     * @param json the file without its special tokens, all else byte for byte
     * @param added names of the added tokens that it still has
     */
    record Plain(String json, List<String> added) {}

    Plain withoutSpecialTokens() {
        StringBuilder kept = new StringBuilder();
        List<String> added = new ArrayList<>();
        int from = 0;
        int to = 0;
        try (JsonParser parser = parser()) {
            for (JsonToken token = parser.nextToken(); token != null && to == 0; token = parser.nextToken()) {
                if (token == JsonToken.PROPERTY_NAME) {
                    boolean wanted = parser.currentName().equals("added_tokens");
                    token = parser.nextToken();
                    if (wanted && token == JsonToken.START_ARRAY) {
                        from = offset(parser) + 1;
                        ordinary(parser, kept, added);
                        to = offset(parser);
                    } else {
                        parser.skipChildren();
                    }
                }
            }
        } catch (JacksonException e) {
            throw bad(JsonFault.of(e), e);
        }
        return new Plain(string(0, from) + kept + string(to, json.length), added);
    }

    /** Appends the tokens of the array that are not special, and their names; the parser stops at the array's end. */
    private void ordinary(JsonParser parser, StringBuilder kept, List<String> added) {
        while (parser.nextToken() == JsonToken.START_OBJECT) {
            int start = offset(parser);
            boolean special = false;
            String content = null;
            while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
                String field = parser.currentName();
                JsonToken value = parser.nextToken();
                special |= value == JsonToken.VALUE_TRUE && field.equals("special");
                if (value == JsonToken.VALUE_STRING && field.equals("content")) {
                    content = parser.getString();
                }
                parser.skipChildren();
            }
            if (!special) {
                added.add(content);
                kept.append(kept.isEmpty() ? "" : ",").append(string(start, offset(parser) + 1));
            }
        }
    }

    private static int offset(JsonParser parser) {
        return Math.toIntExact(parser.currentTokenLocation().getByteOffset());
    }

    private String string(int from, int to) {
        return new String(json, from, to - from, StandardCharsets.UTF_8);
    }

    /** The file is not a tokenizer that can be used. */
    MalformedFileException bad(String detail, Throwable cause) {
        return new MalformedFileException(
                path, -1, Reason.BAD_TOKENIZER, "is no tokenizer that can be used: " + detail, cause);
    }
}
