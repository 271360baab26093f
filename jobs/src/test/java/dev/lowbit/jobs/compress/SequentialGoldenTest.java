package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.jobs.Lowbit;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The smallest complete model: on text that calibration did not see, layer behind layer is nearer to the model at the same bytes. */
class SequentialGoldenTest {
    /** A little: enough for the mean of a divergence, some seconds of work. */
    private static final int TEXT_BYTES = 12_000;

    private static final List<Object> FORMATS = List.of("--bits", 3, "--rank", 0, "--group", 32);

    @TempDir
    private Path folder;

    @Test
    void isNearerOnUnseenText() throws IOException {
        Path model = SharedData.models().stream()
                .filter(path -> Files.exists(path.resolve("tokenizer.json")))
                .filter(path -> Files.exists(path.resolve("config.json")))
                .min(Comparator.comparingLong(SequentialGoldenTest::weightBytes))
                .orElseThrow();
        byte[] text = Files.readAllBytes(SharedData.files("text", "", ".txt").getFirst());
        Path seen = part(text, 0, "seen.txt");
        Path unseen = part(text, 1, "unseen.txt");
        Path calibration = folder.resolve("calibration.safetensors");
        json("calibrate", model, "--text", seen, "--out", calibration);
        double alone = divergence(model, calibration, unseen, "--no-sequential");
        double sequential = divergence(model, calibration, unseen, "--sequential");
        System.out.println(
                model.getFileName() + ": KL on unseen text " + alone + " alone, " + sequential + " layer behind layer");
        assertThat(sequential).isPositive().isLessThan(alone);
    }

    private static long weightBytes(Path model) {
        try (var files = Files.list(model)) {
            return files.filter(file -> file.toString().endsWith(".safetensors"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whole lines. */
    private Path part(byte[] text, int index, String name) throws IOException {
        String part = new String(
                Arrays.copyOfRange(text, index * TEXT_BYTES, (index + 1) * TEXT_BYTES), StandardCharsets.UTF_8);
        return Files.writeString(folder.resolve(name), part.substring(part.indexOf('\n') + 1, part.lastIndexOf('\n')));
    }

    private double divergence(Path model, Path calibration, Path text, String mode) {
        Path out = folder.resolve("output" + mode);
        List<Object> args =
                new ArrayList<>(List.of("compress", model, "--out", out, "--calibration", calibration, mode));
        args.addAll(FORMATS);
        args.addAll(List.of("--costs", folder.resolve("costs.json")));
        json(args.toArray());
        return json("evaluate", out, "--reference", model, "--text", text)
                .get("klDivergence")
                .doubleValue();
    }

    private static JsonNode json(Object... args) {
        List<Object> all = new ArrayList<>(List.of(args));
        all.addAll(List.of("--json", "--quiet"));
        Lowbit run = Lowbit.run(all.toArray());
        assertThat(run.code()).as(run.err()).isZero();
        return JsonMapper.shared().readTree(run.out());
    }
}
