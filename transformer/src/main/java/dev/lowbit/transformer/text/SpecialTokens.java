package dev.lowbit.transformer.text;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.StrictJson;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.function.Function;

/**
 * The tokens that begin and end a text. Ids in config.json and generation_config.json come first, then the names in
 * tokenizer_config.json and special_tokens_map.json.
 *
 * @param beginning id before every text; empty when the model has none
 * @param ends ids behind which a text is complete
 */
record SpecialTokens(OptionalInt beginning, Set<Integer> ends) {
    private static final List<String> IDS = List.of("config.json", "generation_config.json");
    private static final List<String> NAMES = List.of("tokenizer_config.json", "special_tokens_map.json");

    SpecialTokens {
        ends = Set.copyOf(ends);
    }

    /**
     * Reads those of a model folder.
     *
     * @param idOf the id of a special token's name; empty when it is none
     * @throws MalformedFileException for a file that is no JSON object, or an id that is none
     */
    static SpecialTokens read(Path folder, Function<String, OptionalInt> idOf) {
        Set<Integer> beginnings = new LinkedHashSet<>();
        Set<Integer> ends = new LinkedHashSet<>();
        for (String name : IDS) {
            Map<String, Object> fields = fields(folder.resolve(name));
            addIds(folder.resolve(name), "bos_token_id", fields, beginnings);
            addIds(folder.resolve(name), "eos_token_id", fields, ends);
        }
        for (String name : NAMES) {
            Map<String, Object> fields = fields(folder.resolve(name));
            if (beginnings.isEmpty()) {
                addNamed(fields.get("bos_token"), idOf, beginnings);
            }
            if (ends.isEmpty()) {
                addNamed(fields.get("eos_token"), idOf, ends);
            }
        }
        OptionalInt beginning = beginnings.isEmpty()
                ? OptionalInt.empty()
                : OptionalInt.of(beginnings.iterator().next());
        return new SpecialTokens(beginning, ends);
    }

    private static Map<String, Object> fields(Path file) {
        Limits limits = Limits.defaults();
        return Files.isRegularFile(file) ? StrictJson.readObject(file, limits.maxConfigBytes(), limits) : Map.of();
    }

    private static void addIds(Path file, String key, Map<String, Object> fields, Set<Integer> ids) {
        Object value = fields.get(key);
        for (Object id : value instanceof List<?> list ? list : value == null ? List.of() : List.of(value)) {
            if (!(id instanceof Long number) || number < 0 || number > Integer.MAX_VALUE) {
                throw new MalformedFileException(
                        file, -1, Reason.BAD_CONFIG, key + " is " + value + ", token ids are needed");
            }
            ids.add(number.intValue());
        }
    }

    /** A name stands alone or as the content of an object. */
    private static void addNamed(Object token, Function<String, OptionalInt> idOf, Set<Integer> ids) {
        Object name = token instanceof Map<?, ?> object ? object.get("content") : token;
        if (name instanceof String string) {
            idOf.apply(string).ifPresent(ids::add);
        }
    }
}
