package dev.lowbit.jobs.calibrate;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.store.FloatModel;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import dev.lowbit.transformer.text.Corpus;
import dev.lowbit.transformer.text.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.OptionalInt;

/**
 * A text to calibrate with: a text file, or JSON lines of texts or token ids, which are put one behind the other, see {@link Corpus}.
 *
 * @param digest of the file
 */
public record CalibrationText(String digest, CalibrationTokens tokens) {
    /** Tokens that are read unless said otherwise. */
    public static final int DEFAULT_TOKENS = 32768;

    /** The longest window unless said otherwise: activations and attention grow with it. */
    private static final int DEFAULT_CONTEXT = 2048;

    /**
     * Reads the beginning of a text.
     *
     * @param most tokens that are read
     * @param context tokens of a window; the model's (but at most 2048) unless said
     * @throws dev.lowbit.checkpoint.MalformedFileException when the file is no text or holds a token id out of range
     * @throws dev.lowbit.error.InvalidRequestException (impossible) for an empty text or a model without a tokenizer
     * @throws UnsupportedModelException when the model has no config.json
     */
    public static CalibrationText read(Path file, Checkpoint checkpoint, int most, OptionalInt context) {
        FloatModel.require(checkpoint);
        ModelConfig config = checkpoint.requireConfig("calibration");
        int vocabulary = config.vocabSize()
                .orElseThrow(() -> new UnsupportedModelException(
                        config.file() + " has no vocab_size, which calibration needs; give a complete model folder"));
        int window = context.orElse(
                Math.min(DEFAULT_CONTEXT, config.maxPositionEmbeddings().orElse(DEFAULT_CONTEXT)));
        try (Tokenizer tokenizer = Tokenizer.open(checkpoint.root())) {
            int[] all = Corpus.read(file, tokenizer, vocabulary).joined();
            int[] ids = Arrays.copyOf(all, Math.min(most, all.length));
            int beginning = tokenizer.requireBeginning(vocabulary);
            return new CalibrationText(Digest.sha256(file), new CalibrationTokens(beginning, ids, window));
        }
    }
}
