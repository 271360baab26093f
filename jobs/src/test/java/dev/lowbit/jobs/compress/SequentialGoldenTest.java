package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SharedInputs;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The smallest complete model: on text that calibration did not see, layer behind layer is nearer to the model at the same bytes. */
class SequentialGoldenTest {
    /** A little: enough for the mean of a divergence, some seconds of work. */
    private static final int TEXT_BYTES = 6_000;

    /** As many are compressed. */
    private static final long WEIGHTS = 500_000;

    /** One format, so that the two differ in nothing else and nothing is priced. */
    private static final List<Object> FORMAT = List.of("--format", "nf3-g32-s8x256-bf16");

    @TempDir
    private Path folder;

    @Test
    void isNearerOnUnseenText() throws IOException {
        Path model = SharedInputs.smallestCompleteModel();
        byte[] text = Files.readAllBytes(SharedInputs.largestText());
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

    /** Whole lines, of a text with few line ends whole sentences or words. */
    private Path part(byte[] text, int index, String name) throws IOException {
        int length = Math.min(TEXT_BYTES, text.length / 2);
        String part =
                new String(Arrays.copyOfRange(text, index * length, (index + 1) * length), StandardCharsets.UTF_8);
        for (String end : List.of("\n", ". ", " ")) {
            int from = part.indexOf(end) + end.length();
            int to = part.lastIndexOf(end);
            if (to - from > part.length() / 2) {
                return Files.writeString(folder.resolve(name), part.substring(from, to));
            }
        }
        return Files.writeString(folder.resolve(name), part);
    }

    private double divergence(Path model, Path calibration, Path text, String mode) {
        Path out = folder.resolve("output" + mode);
        List<Object> args =
                new ArrayList<>(List.of("compress", model, "--out", out, "--calibration", calibration, mode));
        args.addAll(FORMAT);
        args.addAll(SharedInputs.only(SharedInputs.upTo(WEIGHTS, model)));
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
