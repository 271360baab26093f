package dev.lowbit.jobs.calibrate;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.jobs.MemoryCap;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.TextTokens;
import dev.lowbit.store.FloatModel;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import dev.lowbit.transformer.calibration.Statistics;
import dev.lowbit.transformer.text.Corpus;
import dev.lowbit.transformer.text.Tokenizer;
import java.nio.file.Path;
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
     * @param cap of the process's memory
     * @throws dev.lowbit.checkpoint.MalformedFileException when the file is no text or holds a token id out of range
     * @throws dev.lowbit.error.InvalidRequestException (impossible) for an empty text or a model without a tokenizer
     * @throws UnsupportedModelException when the model has no config.json
     */
    public static CalibrationText read(Path file, Checkpoint checkpoint, int most, OptionalInt context, MemoryCap cap) {
        FloatModel.require(checkpoint);
        ModelShape shape = Transformers.shape(checkpoint.requireConfig("calibration"));
        int window = context.orElse(Math.min(DEFAULT_CONTEXT, shape.context()));
        requireMemory(file, checkpoint, shape, window, cap);
        try (Tokenizer tokenizer = Tokenizer.open(checkpoint.root())) {
            int[] ids = TextTokens.read(file, tokenizer, shape.vocabulary(), most);
            int beginning = tokenizer.requireBeginning(shape.vocabulary());
            return new CalibrationText(Digest.sha256(file), new CalibrationTokens(beginning, ids, window));
        }
    }

    /** Whichever is more: the text, before there is a model, or the model and what is summed up. */
    private static void requireMemory(Path file, Checkpoint checkpoint, ModelShape shape, int window, MemoryCap cap) {
        if (cap.bytes().isEmpty()) {
            return;
        }
        long rows = Math.max(CalibrationTokens.BATCH_TOKENS, Math.min(window, shape.context()));
        long model = ModelInput.floatBytes(checkpoint) + Statistics.needBytes(shape, rows);
        long reading = Corpus.readingBytes(file);
        cap.require(
                Math.max(model, reading),
                reading > model ? "encoding the text " + file : "calibration with the whole model in floats",
                reading > model ? TextTokens.SHORTER : "calibrate on a larger machine");
    }
}
