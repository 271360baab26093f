package dev.lowbit.transformer.text;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.StrictJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Ids that others found, for every shared model with a tokenizer. */
class TokenizerGoldenTest {
    private static final String PIECES = "tokens.txt";

    /** A text and its ids, the beginning-of-sequence token first. */
    record Case(Path model, String text, int[] ids) {
        @Override
        public String toString() {
            return model.getFileName() + " " + ids.length + " ids";
        }
    }

    /** Perhaps none, where a model has its list of tokens. */
    static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Path file : SharedData.filesIfAny("golden/llama-forward", "tokenizer-cases", ".json")) {
            StrictJson.readObject(file, 1 << 24, Limits.defaults()).forEach((model, list) -> {
                for (Object item : (List<?>) list) {
                    Map<?, ?> fields = (Map<?, ?>) item;
                    int[] ids = ((List<?>) fields.get("ids"))
                            .stream().mapToInt(id -> ((Long) id).intValue()).toArray();
                    cases.add(new Case(
                            SharedData.folder("models").resolve(model),
                            fields.get("text").toString(),
                            ids));
                }
            });
        }
        assertThat(cases.size() + listed().size())
                .as("cases of golden/llama-forward/tokenizer-cases.json and models/*/" + PIECES)
                .isPositive();
        return cases;
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("cases")
    void textToIdsAndBack(Case c) {
        try (Tokenizer tokenizer = Tokenizer.open(c.model())) {
            assertThat(tokenizer.requireBeginning()).isEqualTo(c.ids()[0]);
            int[] expected = Arrays.copyOfRange(c.ids(), 1, c.ids().length);
            assertThat(tokenizer.encode(c.text())).isEqualTo(expected);
            assertThat(tokenizer.encodePrompt(c.text())).isEqualTo(expected);
            assertThat(tokenizer.decode(c.ids())).isEqualTo(c.text());
        }
    }

    /** Golden ids of models that have a tokenizer. */
    static List<Path> goldens() {
        return SharedData.filesIfAny("golden/llama-forward", "", ".safetensors").stream()
                .filter(golden -> Files.exists(model(golden).resolve("tokenizer.json")))
                .toList();
    }

    private static Path model(Path golden) {
        return SharedData.folder("models")
                .resolve(golden.getFileName().toString().replace(".safetensors", ""));
    }

    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("goldens")
    void theBeginningOfGoldenTextsIsTheirFirstTokens(Path golden) {
        try (GoldenFile file = new GoldenFile(golden);
                Tokenizer tokenizer = Tokenizer.open(model(golden))) {
            int[] ids = file.ints("long.ids");
            int[] text = Corpus.read(
                            SharedData.folder("text").resolve("tinystories-eval.txt"), tokenizer, Integer.MAX_VALUE)
                    .joined();
            assertThat(ids[0]).isEqualTo(tokenizer.requireBeginning());
            assertThat(Arrays.copyOf(text, ids.length - 1)).isEqualTo(Arrays.copyOfRange(ids, 1, ids.length));
        }
    }

    static List<Path> listed() {
        return SharedData.models().stream()
                .filter(model -> Files.exists(model.resolve(PIECES)))
                .toList();
    }

    /** A list of tokens ({@code _} for a space), of which always the longest that fits is taken, is an encoder of its own. */
    @ParameterizedTest(allowZeroInvocations = true)
    @MethodSource("listed")
    void longestMatchInTheListOfTokens(Path model) throws IOException {
        List<String> lines = Files.readAllLines(model.resolve(PIECES));
        Map<String, Integer> pieces = new HashMap<>();
        for (int id = 0; id < lines.size(); id++) {
            pieces.putIfAbsent(lines.get(id), id);
        }
        String text = Files.readString(SharedData.folder("text").resolve("tinystories-eval.txt"))
                .toLowerCase(Locale.ROOT)
                .codePoints()
                .mapToObj(Character::toString)
                .map(character -> pieces.containsKey(character) ? character : " ")
                .collect(Collectors.joining())
                .replaceAll(" +", " ");
        try (Tokenizer tokenizer = Tokenizer.open(model)) {
            int[] ids = tokenizer.encode(text);
            assertThat(ids).isEqualTo(longestMatches("_" + text.replace(' ', '_'), pieces));
            assertThat(tokenizer.decode(ids)).isEqualTo(text);
        }
    }

    private static int[] longestMatches(String text, Map<String, Integer> pieces) {
        int longest = pieces.keySet().stream().mapToInt(String::length).max().orElseThrow();
        List<Integer> ids = new ArrayList<>();
        for (int from = 0; from < text.length(); ) {
            int to = Math.min(text.length(), from + longest);
            while (!pieces.containsKey(text.substring(from, to))) {
                to--;
            }
            ids.add(pieces.get(text.substring(from, to)));
            from = to;
        }
        return ids.stream().mapToInt(Integer::intValue).toArray();
    }
}
