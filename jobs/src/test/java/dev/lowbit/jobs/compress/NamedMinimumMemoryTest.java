package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.jobs.demo.SyntheticCheckpoint;
import dev.lowbit.jobs.demo.SyntheticModel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands that run a whole model: with a cap far too small they name the smallest that will do, and with that one they run and their
 * peak stays below it. Each is a process of its own with the heap that the launcher would give it.
 */
@EnabledOnOs(OS.LINUX)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class NamedMinimumMemoryTest {
    private static final Pattern NAMED = Pattern.compile("give --memory (\\d+)MiB or more");

    @TempDir
    private static Path folder;

    private static Path model() throws IOException {
        Path model = folder.resolve("model");
        if (!Files.exists(model)) {
            SyntheticCheckpoint.write(
                    model,
                    new SyntheticModel(2, 256, 512, 4, 2, WordModel.WORDS, DType.F32, 1L << 30),
                    5,
                    Workers.serial());
            WordModel.addTokenizer(model);
            WordModel.text(folder.resolve("text.txt"));
        }
        return model;
    }

    @Test
    @Order(1)
    void calibrate() throws IOException {
        holds("calibrate", model(), "--text", folder.resolve("text.txt"), "--out", folder.resolve("c.safetensors"));
    }

    @Test
    @Order(2)
    void compress() throws IOException {
        List<Object> args =
                new ArrayList<>(List.of("compress", model(), "--out", folder.resolve("output"), "--bits", 3));
        args.addAll(List.of("--rank", 1, "--min-rank", 1, "--group", 64, "--only", "layers.1.mlp"));
        args.addAll(List.of("--calibration", folder.resolve("c.safetensors")));
        holds(args.toArray());
    }

    @Test
    @Order(3)
    void evaluate() throws IOException {
        holds("evaluate", folder.resolve("output"), "--text", folder.resolve("text.txt"), "--reference", model());
    }

    /** Encoding it takes more than the model does. */
    @Test
    @Order(4)
    void evaluateOnALongText() throws IOException {
        String text = Files.readString(folder.resolve("text.txt"));
        Path longer = Files.writeString(folder.resolve("long.txt"), text.repeat((1 << 20) / text.length()));
        holds("evaluate", folder.resolve("output"), "--text", longer, "--max-tokens", 200);
    }

    @Test
    @Order(5)
    void tune() throws IOException {
        List<Object> args = new ArrayList<>(List.of("tune", folder.resolve("output"), "--reference", model()));
        args.addAll(List.of("--text", folder.resolve("text.txt"), "--out", folder.resolve("tuned"), "--epochs", 1));
        args.addAll(List.of("--context", 128));
        holds(args.toArray());
    }

    private static void holds(Object... args) throws IOException {
        Path log = folder.resolve(args[0] + ".log");
        assertThat(run(log, 1, args)).as(Files.readString(log)).isEqualTo(5);
        Matcher named = NAMED.matcher(Files.readString(log));
        assertThat(named.find()).as(Files.readString(log)).isTrue();
        long cap = Long.parseLong(named.group(1));
        assertThat(run(log, cap, args)).as(Files.readString(log)).isZero();
        String text = Files.readString(log);
        Map<String, Object> result = StrictJson.parseObject(log, text.substring(text.indexOf('{')), Limits.defaults());
        System.out.println(args[0] + ": peak " + result.get("peakMemoryBytes") + " of " + (cap << 20));
        assertThat((Long) result.get("peakMemoryBytes")).isPositive().isLessThan(cap << 20);
    }

    private static int run(Path log, long capMib, Object... args) {
        List<String> all = new ArrayList<>();
        for (Object arg : args) {
            all.add(arg.toString());
        }
        all.addAll(List.of("--memory", capMib + "MiB", "--threads", "2", "--json", "--quiet"));
        return ChildJvm.run(log, ChildJvm.heapUnder(capMib, all.contains("--calibration")), all);
    }
}
