package dev.lowbit.jobs.calibrate;

import dev.lowbit.checkpoint.CalibrationLines;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.transformer.calibration.CalibrationTokens;
import it.unimi.dsi.fastutil.ints.IntArrayList;
import java.nio.file.Path;
import java.util.Locale;
import java.util.OptionalInt;

/**
 * A text to calibrate with: a text file, or JSON lines (by the file's name: {@code .jsonl}, {@code .json}) of texts or token ids, which
 * are put one behind the other.
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
     * @throws UnsupportedModelException when the model has no config.json or no tokenizer
     */
    public static CalibrationText read(Path file, Checkpoint checkpoint, int most, OptionalInt context) {
        ModelConfig config = checkpoint
                .config()
                .orElseThrow(() -> new UnsupportedModelException(checkpoint.root()
                        + " has no config.json, which calibration needs; give a complete model folder"));
        int[] ids = ids(file, checkpoint, config, most);
        if (ids.length == 0) {
            throw InvalidRequestException.impossible(file + " has no tokens; at least one is needed");
        }
        int window = context.orElse(Math.min(DEFAULT_CONTEXT, config.maxPositionEmbeddings().orElse(DEFAULT_CONTEXT)));
        return new CalibrationText(Digest.sha256(file), new CalibrationTokens(beginning(config), ids, window));
    }

    private static int beginning(ModelConfig config) {
        return (int) config.number("bos_token_id")
                .orElseThrow(() -> new UnsupportedModelException(config.file()
                        + " has no bos_token_id, the token that windows begin with; add it"));
    }

    private static int[] ids(Path file, Checkpoint checkpoint, ModelConfig config, int most) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        if (!name.endsWith(".jsonl") && !name.endsWith(".json")) {
            throw InvalidRequestException.usage(file + ": JSON lines of token ids are needed");
        }
        int vocabulary = config.vocabSize()
                .orElseThrow(() -> new UnsupportedModelException(config.file() + " has no vocab_size"));
        IntArrayList ids = new IntArrayList();
        CalibrationLines.forEach(file, Limits.defaults(), vocabulary, sample -> {
            switch (sample) {
                case CalibrationLines.Sample.Tokens tokens ->
                    ids.addElements(ids.size(), tokens.ids(), 0, Math.min(tokens.ids().length, most - ids.size()));
                case CalibrationLines.Sample.Text text ->
                    throw InvalidRequestException.usage(file + ": JSON lines of token ids are needed");
            }
        });
        return ids.toIntArray();
    }
}
