package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * A {@code model.safetensors.index.json}: which shard holds which tensor.
 *
 * @param weightMap file name by tensor name, in file order; names are relative, inside the index's folder, normalised
 * @param totalSize bytes of all tensors as the index states them, -1 when it does not
 */
public record ShardIndex(SequencedMap<String, String> weightMap, long totalSize) {
    private static final Set<String> FIELDS = Set.of("metadata", "weight_map");

    public ShardIndex {
        weightMap = Collections.unmodifiableSequencedMap(new LinkedHashMap<>(weightMap));
    }

    /**
     * Reads and checks an index.
     *
     * @throws MalformedFileException BAD_INDEX, DUPLICATE_KEY or UNSAFE_PATH
     * @throws UncheckedIOException when it cannot be read
     */
    public static ShardIndex read(Path file, Limits limits) {
        Map<String, Object> root;
        try {
            // a name takes a value, and the other fields a few
            long maxValues = 2L * limits.maxTensors();
            root = StrictJson.readFields(file, FIELDS, limits.maxHeaderBytes(), maxValues, limits);
        } catch (MalformedFileException e) {
            if (e.reason() == Reason.DUPLICATE_KEY) {
                throw e;
            }
            String what = hint(file);
            throw new MalformedFileException(file, e.byteOffset(), Reason.BAD_INDEX, what + e.detail(), e);
        }
        if (!(root.get("weight_map") instanceof Map<?, ?> map) || map.isEmpty()) {
            throw new MalformedFileException(
                    file, -1, Reason.BAD_INDEX, "weight_map is missing, empty or no object; download the index again");
        }
        LinkedHashMap<String, String> weightMap = new LinkedHashMap<>();
        Map<String, String> normalised = new LinkedHashMap<>();
        map.forEach((name, value) -> {
            if (!(value instanceof String shard)) {
                throw new MalformedFileException(
                        file, -1, Reason.BAD_INDEX, "the shard of " + OneLine.quote((String) name) + " is no string");
            }
            weightMap.put((String) name, normalised.computeIfAbsent(shard, s -> normalise(file, s)));
        });
        return new ShardIndex(weightMap, totalSize(root));
    }

    private static long totalSize(Map<String, Object> root) {
        return root.get("metadata") instanceof Map<?, ?> metadata && metadata.get("total_size") instanceof Long total
                ? total
                : -1;
    }

    private static String hint(Path file) {
        try (InputStream stream = Files.newInputStream(file)) {
            byte[] first = stream.readNBytes(FileHint.LENGTH);
            if (first.length == 0) {
                return "is empty; download it again: ";
            }
            return FileHint.of(first)
                    .filter(hint -> hint != FileHint.JSON)
                    .map(hint -> "this is " + hint.description() + ": ")
                    .orElse("");
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    /** The shard name with {@code ./} and empty steps removed; refuses everything that could leave the folder. */
    private static String normalise(Path index, String shard) {
        boolean drive = shard.length() >= 2 && shard.charAt(1) == ':';
        boolean unsafe = shard.isEmpty() || shard.startsWith("/") || drive || shard.indexOf('\\') >= 0;
        List<String> steps = new ArrayList<>();
        for (String step : shard.split("/", -1)) {
            unsafe |= step.equals("..") || !step.equals(".") && endsInDotOrSpace(step);
            if (!step.isEmpty() && !step.equals(".")) {
                steps.add(step);
            }
        }
        unsafe |= steps.isEmpty() || shard.chars().anyMatch(c -> c < ' ' || c == 0x7f) || shard.endsWith("/");
        if (unsafe) {
            throw new MalformedFileException(
                    index,
                    -1,
                    Reason.UNSAFE_PATH,
                    "shard name " + OneLine.quote(shard) + " is no plain file name inside the model's folder");
        }
        return String.join("/", steps);
    }

    private static boolean endsInDotOrSpace(String step) {
        return step.endsWith(".") || step.endsWith(" ");
    }

    /** All shards in the order of their names. */
    public List<String> shards() {
        Set<String> shards = new LinkedHashSet<>(weightMap.values());
        return shards.stream().sorted().toList();
    }

    /** The index as JSON text with keys sorted, as it is written beside shards. */
    public String toJson() {
        JsonText json = new JsonText().beginObject();
        if (totalSize >= 0) {
            json.name("metadata").beginObject();
            json.name("total_size").integer(totalSize).endObject();
        }
        json.name("weight_map").beginObject();
        new TreeMap<>(weightMap).forEach((name, shard) -> json.name(name).string(shard));
        return json.endObject().endObject() + "\n";
    }
}
