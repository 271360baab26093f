package dev.lowbit.jobs.demo;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;

/**
 * Learns a byte-pair encoding (Sennrich, Haddow and Birch 2016): starting from characters, the most frequent pair of
 * neighbouring pieces becomes a piece, until the vocabulary is full; of equally frequent pairs the first in the order of
 * text. Pairs never reach across words or into punctuation. "▁" stands for a space; characters that the text does not have are
 * spelled in bytes.
 */
final class BpeTrainer {
    static final String SPACE = "▁";
    private static final Pattern WORD = Pattern.compile("▁?\\p{Alpha}+|[^\\n]");
    private static final List<String> SPECIALS = List.of("<unk>", "<s>", "</s>");

    private record Pair(String left, String right) {
        static final Comparator<Pair> ORDER = Comparator.comparing(Pair::left).thenComparing(Pair::right);
    }

    /** A word in pieces, and how often the text has it. */
    private static final class Word {
        final List<String> pieces = new ArrayList<>();
        final int count;

        Word(String word, int count) {
            word.codePoints().forEach(c -> pieces.add(Character.toString(c)));
            this.count = count;
        }

        void countPairs(Map<Pair, Integer> counts) {
            for (int i = 1; i < pieces.size(); i++) {
                counts.merge(new Pair(pieces.get(i - 1), pieces.get(i)), count, Integer::sum);
            }
        }

        void merge(Pair pair) {
            for (int i = 1; i < pieces.size(); i++) {
                if (pieces.get(i - 1).equals(pair.left) && pieces.get(i).equals(pair.right)) {
                    pieces.set(i - 1, pair.left + pair.right);
                    pieces.remove(i);
                }
            }
        }
    }

    private final Map<String, Integer> vocabulary = new LinkedHashMap<>();
    private final List<List<String>> merges = new ArrayList<>();

    private BpeTrainer() {}

    /**
     * The content of a Hugging Face tokenizer.json.
     *
     * @param text what the pieces are counted in
     * @param size pieces in the vocabulary, the three special ones and 256 bytes included
     */
    static Map<String, Object> train(String text, int size) {
        BpeTrainer trainer = new BpeTrainer();
        trainer.learn(SPACE + text.replace(" ", SPACE), size);
        return trainer.file();
    }

    private void learn(String text, int size) {
        Map<String, Integer> counts = new TreeMap<>();
        WORD.matcher(text).results().map(MatchResult::group).forEach(word -> counts.merge(word, 1, Integer::sum));
        List<Word> words = new ArrayList<>();
        counts.forEach((word, count) -> words.add(new Word(word, count)));
        SPECIALS.forEach(this::add);
        for (int b = 0; b < 256; b++) {
            add(String.format("<0x%02X>", b));
        }
        TreeSet<String> characters = new TreeSet<>();
        words.forEach(word -> characters.addAll(word.pieces));
        characters.forEach(this::add);
        while (vocabulary.size() < size) {
            Map<Pair, Integer> pairs = new HashMap<>();
            words.forEach(word -> word.countPairs(pairs));
            Pair best = pairs.keySet().stream()
                    .min(Comparator.<Pair>comparingInt(pair -> -pairs.get(pair)).thenComparing(Pair.ORDER))
                    .orElseThrow(() -> new IllegalArgumentException("the text has no more pairs"));
            words.forEach(word -> word.merge(best));
            merges.add(List.of(best.left, best.right));
            add(best.left + best.right);
        }
    }

    private void add(String piece) {
        vocabulary.putIfAbsent(piece, vocabulary.size());
    }

    private Map<String, Object> file() {
        Map<String, Object> model = new LinkedHashMap<>();
        model.put("type", "BPE");
        model.put("unk_token", SPECIALS.getFirst());
        model.put("fuse_unk", true);
        model.put("byte_fallback", true);
        model.put("vocab", vocabulary);
        model.put("merges", merges.stream().map(pair -> String.join(" ", pair)).toList());
        Map<String, Object> file = new LinkedHashMap<>();
        file.put("version", "1.0");
        file.put("added_tokens", SPECIALS.stream().map(this::special).toList());
        file.put(
                "normalizer",
                sequence("normalizers", ordered("type", "Prepend", "prepend", SPACE), replace(" ", SPACE)));
        file.put("post_processor", begin());
        file.put(
                "decoder",
                sequence(
                        "decoders",
                        replace(SPACE, " "),
                        ordered("type", "ByteFallback"),
                        ordered("type", "Fuse"),
                        ordered("type", "Strip", "content", " ", "start", 1, "stop", 0)));
        file.put("model", model);
        return file;
    }

    private Map<String, Object> special(String token) {
        return ordered(
                "id",
                vocabulary.get(token),
                "content",
                token,
                "single_word",
                false,
                "lstrip",
                false,
                "rstrip",
                false,
                "normalized",
                false,
                "special",
                true);
    }

    /** Every text begins with {@code <s>}. */
    private Map<String, Object> begin() {
        String start = SPECIALS.get(1);
        Object special = Map.of("SpecialToken", ordered("id", start, "type_id", 0));
        Object text = Map.of("Sequence", ordered("id", "A", "type_id", 0));
        Object second = Map.of("Sequence", ordered("id", "B", "type_id", 1));
        Object token = ordered("id", start, "ids", List.of(vocabulary.get(start)), "tokens", List.of(start));
        return ordered(
                "type", "TemplateProcessing",
                "single", List.of(special, text),
                "pair", List.of(special, text, second),
                "special_tokens", Map.of(start, token));
    }

    private static Map<String, Object> sequence(String key, Object... parts) {
        return ordered("type", "Sequence", key, List.of(parts));
    }

    private static Map<String, Object> replace(String from, String to) {
        return ordered("type", "Replace", "pattern", Map.of("String", from), "content", to);
    }

    private static Map<String, Object> ordered(Object... keysAndValues) {
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            map.put((String) keysAndValues[i], keysAndValues[i + 1]);
        }
        return map;
    }
}
