package dev.lowbit.transformer.calibration;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Where a calibration came from: the metadata of its file.
 *
 * @param software name and version of the program
 * @param model digest of the checkpoint
 * @param text digest of the text file
 * @param tokens how many of its tokens were read
 * @param windows samples
 * @param context tokens that a window occupies
 * @param beginning id of the beginning-of-sequence token
 * @param distinct how many different token ids occur
 * @param vocabulary how many there are
 * @param probe identifier of the block format whose divergences are stored
 */
public record CalibrationHeader(
        String software,
        String model,
        String text,
        int tokens,
        int windows,
        int context,
        int beginning,
        int distinct,
        int vocabulary,
        String probe) {
    private static final String FORMAT = "format";
    private static final String NAME = "lowbit-calibration";
    private static final String VERSION = "version";
    private static final String CURRENT = "1";

    Map<String, String> metadata() {
        Map<String, String> all = new LinkedHashMap<>();
        all.put(FORMAT, NAME);
        all.put(VERSION, CURRENT);
        all.put("software", software);
        all.put("model", model);
        all.put("text", text);
        all.put("tokens", Integer.toString(tokens));
        all.put("windows", Integer.toString(windows));
        all.put("context", Integer.toString(context));
        all.put("beginning", Integer.toString(beginning));
        all.put("distinct", Integer.toString(distinct));
        all.put("vocabulary", Integer.toString(vocabulary));
        all.put("probe", probe);
        return all;
    }

    /** The header in a file's metadata; empty when the file is none of ours. */
    static Optional<CalibrationHeader> read(Path file, Map<String, String> metadata) {
        if (!NAME.equals(metadata.get(FORMAT))) {
            return Optional.empty();
        }
        if (!CURRENT.equals(metadata.get(VERSION))) {
            throw bad(file, VERSION, metadata, CURRENT);
        }
        return Optional.of(new CalibrationHeader(
                text(file, "software", metadata),
                text(file, "model", metadata),
                text(file, "text", metadata),
                number(file, "tokens", metadata, 1),
                number(file, "windows", metadata, 1),
                number(file, "context", metadata, 2),
                number(file, "beginning", metadata, 0),
                number(file, "distinct", metadata, 1),
                number(file, "vocabulary", metadata, 1),
                text(file, "probe", metadata)));
    }

    private static String text(Path file, String key, Map<String, String> metadata) {
        String value = metadata.get(key);
        if (value == null) {
            throw bad(file, key, metadata, "a text");
        }
        return value;
    }

    private static int number(Path file, String key, Map<String, String> metadata, int least) {
        try {
            int value = Integer.parseInt(text(file, key, metadata));
            if (value >= least) {
                return value;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw bad(file, key, metadata, "a whole number of at least " + least);
    }

    private static MalformedFileException bad(Path file, String key, Map<String, String> metadata, String needed) {
        return new MalformedFileException(
                file,
                -1,
                Reason.BAD_CALIBRATION,
                "metadata \"" + key + "\" is " + metadata.get(key) + ", " + needed + " is needed; calibrate again");
    }
}
