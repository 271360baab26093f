package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.exc.JacksonIOException;
import tools.jackson.core.exc.StreamConstraintsException;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonReadFeature;

/**
 * Tokens from Jackson's streaming parser, fed through a strict UTF-8 decoder: its own byte front end would skip a byte
 * order mark, guess UTF-16 and let malformed sequences pass.
 */
final class JacksonTokens extends JsonTokens {
    /** One factory for each set of limits in use, of which a process has a handful. */
    private static final Map<Grammar, JsonFactory> FACTORIES = new ConcurrentHashMap<>();

    private final JsonParser parser;
    private final long base;
    private String text;

    /**
     * @param base offset of the first byte of {@code stream} in the file, for messages
     * @param stream UTF-8 text; closed with the tokens
     * @param nonFinite whether the literals NaN, Infinity and -Infinity are numbers
     */
    JacksonTokens(Path file, Limits limits, long base, InputStream stream, boolean nonFinite) {
        super(file, limits);
        this.base = base;
        var decoder = StandardCharsets.UTF_8
                .newDecoder()
                .onMalformedInput(CodingErrorAction.REPORT)
                .onUnmappableCharacter(CodingErrorAction.REPORT);
        this.parser = FACTORIES
                .computeIfAbsent(new Grammar(limits, nonFinite), Grammar::factory)
                .createParser(ObjectReadContext.empty(), new InputStreamReader(stream, decoder));
    }

    private record Grammar(Limits limits, boolean nonFinite) {
        JsonFactory factory() {
            // no interning or canonical names: a million unique tensor names would only fill symbol tables
            return JsonFactory.builder()
                    .disable(TokenStreamFactory.Feature.INTERN_PROPERTY_NAMES)
                    .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
                    .configure(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS, nonFinite)
                    .streamReadConstraints(StreamReadConstraints.builder()
                            .maxNestingDepth(limits.maxJsonDepth() + 1)
                            .maxStringLength(limits.maxStringBytes())
                            .maxNameLength(limits.maxStringBytes())
                            .build())
                    .build();
        }
    }

    @Override
    JsonToken read() {
        try {
            JsonToken token = parser.nextToken();
            text = token == null || token.isStructStart() || token.isStructEnd() ? null : parser.getString();
            return token;
        } catch (JacksonIOException e) {
            if (e.getCause() instanceof CharacterCodingException) {
                throw new MalformedFileException(file(), offset(), Reason.BAD_UTF8, "the text is not valid UTF-8", e);
            }
            throw new UncheckedIOException("cannot read " + file() + ": " + e.getOriginalMessage(), e.getCause());
        } catch (StreamConstraintsException e) {
            throw new MalformedFileException(
                    file(), offset(), Reason.BAD_JSON, "a string or number is longer than the limit", e);
        } catch (JacksonException e) {
            throw new MalformedFileException(
                    file(), offset(), Reason.BAD_JSON, "not valid JSON: " + JsonFault.of(e), e);
        }
    }

    @Override
    String text() {
        return text;
    }

    @Override
    long offset() {
        long chars = parser.currentLocation().getCharOffset();
        return base + Math.max(0, chars);
    }

    @Override
    public void close() {
        parser.close();
    }
}
