package dev.lowbit.store;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.UnsupportedModelException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * The metadata of a task file. docs/formats/task.md is its definition.
 *
 * @param base digest of the manifest of the model that the task is made for
 * @param digests SHA-256 of every tensor, by name
 */
record TaskHeader(String base, SortedMap<String, String> digests) {
    private static final String FORMAT = "format";
    private static final String NAME = "lowbit-task";
    private static final String VERSION = "version";
    private static final String CURRENT = "1";
    private static final String BASE = "lowbit.base";
    private static final String DIGEST = "sha256:";
    private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]{64}");

    /** Whether metadata are those of a task, of any version. */
    static boolean isIn(Map<String, String> metadata) {
        return NAME.equals(metadata.get(FORMAT));
    }

    Map<String, String> metadata() {
        Map<String, String> all = new LinkedHashMap<>();
        all.put(FORMAT, NAME);
        all.put(VERSION, CURRENT);
        all.put(BASE, base);
        digests.forEach((tensor, digest) -> all.put(DIGEST + tensor, digest));
        return all;
    }

    /**
     * The header of a file with these tensors. Metadata that are not known are left alone.
     *
     * @throws MalformedFileException BAD_TASK when it is no task file, or digests and tensors are not of the same names
     * @throws UnsupportedModelException for another version
     */
    static TaskHeader read(Path file, Map<String, String> metadata, Set<String> tensors) {
        if (!isIn(metadata) || !metadata.containsKey(VERSION) || !metadata.containsKey(BASE)) {
            throw bad(file, "is no task file; lowbit export --to task writes them");
        }
        if (!CURRENT.equals(metadata.get(VERSION))) {
            throw new UnsupportedModelException(
                    file + ": is a task file of another version than " + CURRENT + "; use a newer Lowbit");
        }
        if (!SHA_256.matcher(metadata.get(BASE)).matches()) {
            throw bad(file, "names no model: " + BASE + " is no SHA-256; export the task again");
        }
        SortedMap<String, String> digests = new TreeMap<>();
        metadata.forEach((key, value) -> {
            if (key.startsWith(DIGEST)) {
                digests.put(key.substring(DIGEST.length()), value);
            }
        });
        for (String tensor : tensors) {
            if (!digests.containsKey(tensor)) {
                throw bad(file, "has no digest of tensor " + tensor + "; export the task again");
            }
        }
        for (String tensor : digests.keySet()) {
            if (!tensors.contains(tensor)) {
                throw bad(file, "has a digest of tensor " + tensor + ", which is missing; export the task again");
            }
        }
        return new TaskHeader(metadata.get(BASE), digests);
    }

    private static MalformedFileException bad(Path file, String detail) {
        return new MalformedFileException(file, -1, Reason.BAD_TASK, detail);
    }
}
