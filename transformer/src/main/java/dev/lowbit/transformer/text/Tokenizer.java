package dev.lowbit.transformer.text;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Text to token ids and back, by a model folder's tokenizer.json and the library that Hugging Face wrote for it. Nothing is cut
 * off, padded or added. Usable from several threads until it is closed.
 *
 * <p>The library is asked for ids alone, through its lowest door: its usual one makes a string and two numbers beside every id.
 */
public final class Tokenizer implements AutoCloseable {
    private static final TokenizersLibrary LIBRARY = TokenizersLibrary.LIB;

    private final Path file;
    private final SpecialTokens special;
    /** Of the added tokens outside the vocabulary: the id that {@code plain} gives, which counts no special tokens, and the model's. */
    private final Map<Integer, Integer> modelIds = new HashMap<>();

    private long whole;
    private long plain;

    private Tokenizer(Path folder) {
        TokenizerFile source = TokenizerFile.read(folder);
        this.file = source.path();
        try {
            whole = create(source, source.text());
            TokenizerFile.Plain others = source.withoutSpecialTokens();
            plain = create(source, others.json());
            others.added().forEach(this::addModelId);
            special = SpecialTokens.read(folder, this::specialId);
        } catch (RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /**
     * Opens the tokenizer of a model.
     *
     * @throws InvalidRequestException impossible when the folder has no tokenizer.json
     * @throws MalformedFileException BAD_TOKENIZER when that is none, or what is wrong with a file beside it
     * @throws UnsupportedModelException when the library does not run on this platform
     */
    public static Tokenizer open(Path modelDirectory) {
        NativeLibrary.load();
        return new Tokenizer(modelDirectory);
    }

    private static long create(TokenizerFile source, String json) {
        try {
            long tokenizer = LIBRARY.createTokenizerFromString(json);
            // files of models that were trained with either still ask for it
            LIBRARY.disableTruncation(tokenizer);
            LIBRARY.disablePadding(tokenizer);
            return tokenizer;
        } catch (RuntimeException e) {
            throw source.bad(e.getMessage(), e);
        }
    }

    /** The tokenizer.json. */
    public Path file() {
        return file;
    }

    /**
     * The ids of a text in which nothing is a command: the name of a special token is encoded letter by letter.
     *
     * @throws InvalidRequestException usage for half a surrogate pair, which is no text
     */
    public int[] encode(String text) {
        int[] ids = encode(plain, text);
        if (!modelIds.isEmpty()) {
            Arrays.setAll(ids, i -> modelIds.getOrDefault(ids[i], ids[i]));
        }
        return ids;
    }

    /** The ids of a prompt, in which the name of a special token stands for that token. */
    public int[] encodePrompt(String prompt) {
        return encode(whole, prompt);
    }

    /** An added token is found in a text before anything else is, so its name alone gives its id alone. */
    private void addModelId(String name) {
        int[] ids = encode(plain, name);
        int[] modelsIds = encode(whole, name);
        if (ids.length == 1 && modelsIds.length == 1 && ids[0] != modelsIds[0]) {
            modelIds.put(ids[0], modelsIds[0]);
        }
    }

    private static int[] encode(long tokenizer, String text) {
        requireOpen(tokenizer);
        requirePairs(text);
        long encoding = LIBRARY.encode(tokenizer, text, false);
        try {
            return Arrays.stream(LIBRARY.getTokenIds(encoding))
                    .mapToInt(Math::toIntExact)
                    .toArray();
        } finally {
            LIBRARY.deleteEncoding(encoding);
        }
    }

    private static void requirePairs(String text) {
        int half = unpairedSurrogate(text);
        if (half >= 0) {
            throw InvalidRequestException.usage(
                    "half a surrogate pair at character " + half + " of the text; Unicode text is needed");
        }
    }

    /** Where the first half of a surrogate pair stands alone; -1 when none does. */
    static int unpairedSurrogate(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isHighSurrogate(text.charAt(i))
                    && i + 1 < text.length()
                    && Character.isLowSurrogate(text.charAt(i + 1))) {
                i++;
            } else if (Character.isSurrogate(text.charAt(i))) {
                return i;
            }
        }
        return -1;
    }

    /** The text of ids; special tokens and ids that are none give nothing, bytes that are no UTF-8 give U+FFFD. */
    public String decode(int... ids) {
        requireOpen(whole);
        return LIBRARY.decode(whole, Arrays.stream(ids).asLongStream().toArray(), true);
    }

    /** The token before every text. */
    public OptionalInt beginning() {
        return special.beginning();
    }

    /**
     * The token before every text, where one is needed.
     *
     * @throws InvalidRequestException impossible when the model has none
     */
    public int requireBeginning() {
        return beginning()
                .orElseThrow(() -> InvalidRequestException.impossible(file.getParent()
                        + " names no beginning-of-sequence token; give bos_token_id in its config.json"));
    }

    /**
     * The token before every text, as one that a model has.
     *
     * @param vocabulary number of token ids that the model has
     * @throws InvalidRequestException impossible when there is none
     * @throws MalformedFileException BAD_TOKENIZER when the model does not have it
     */
    public int requireBeginning(int vocabulary) {
        int beginning = requireBeginning();
        requireKnown(new int[] {beginning}, vocabulary);
        return beginning;
    }

    /** The tokens behind which a text is complete. */
    public Set<Integer> ends() {
        return special.ends();
    }

    /**
     * Compares ids that this tokenizer gave with what a model has.
     *
     * @param vocabulary number of token ids that the model has
     * @throws MalformedFileException BAD_TOKENIZER naming the first id that it does not have
     */
    public void requireKnown(int[] ids, int vocabulary) {
        for (int id : ids) {
            if (id >= vocabulary) {
                throw new MalformedFileException(
                        file,
                        -1,
                        Reason.BAD_TOKENIZER,
                        "gives token id " + id + ", the model has ids 0 to " + (vocabulary - 1)
                                + "; use the tokenizer of this model");
            }
        }
    }

    private OptionalInt specialId(String name) {
        int[] ids = encodePrompt(name);
        return ids.length == 1 ? OptionalInt.of(ids[0]) : OptionalInt.empty();
    }

    private static void requireOpen(long tokenizer) {
        if (tokenizer == 0) {
            throw new IllegalStateException("the tokenizer is closed");
        }
    }

    @Override
    public synchronized void close() {
        if (plain != 0) {
            LIBRARY.deleteTokenizer(plain);
        }
        if (whole != 0) {
            LIBRARY.deleteTokenizer(whole);
        }
        plain = 0;
        whole = 0;
    }
}
