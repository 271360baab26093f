package dev.lowbit.jobs;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.transformer.text.Corpus;
import dev.lowbit.transformer.text.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;

/** The tokens of a text that a command is given. */
public final class TextTokens {
    /** What helps where a text takes more memory to encode than there is. Commands ask for it before they load anything, see {@link Corpus#readingBytes}. */
    public static final String SHORTER = "cut the text, or give it as short JSON lines";

    private TextTokens() {}

    /**
     * Reads the beginning of a text, see {@link Corpus}; documents stand one behind the other.
     *
     * @param vocabulary number of token ids that the model has
     * @param most tokens that are kept; the whole text is encoded for them
     * @throws MalformedFileException as {@link Corpus#read}
     * @throws InvalidRequestException as {@link Corpus#read}
     */
    public static int[] read(Path file, Tokenizer tokenizer, int vocabulary, int most) {
        int[] all = Corpus.read(file, tokenizer, vocabulary).joined();
        return Arrays.copyOf(all, Math.min(most, all.length));
    }
}
