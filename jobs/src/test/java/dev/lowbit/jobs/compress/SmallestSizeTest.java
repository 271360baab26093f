package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.Lowbit;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The size that a refusal names is enough, and one byte less is not. */
class SmallestSizeTest {
    private static final Pattern NAMED = Pattern.compile("give --size (\\d+) or more");

    @TempDir
    private Path folder;

    @Test
    void theNamedSizeSucceedsAndOneByteLessFails() {
        List<SmallModel> models = List.of(
                new SmallModel().random("a.weight", 5, 7, 1),
                new SmallModel().random("a.weight", 1, 1, 2),
                new SmallModel().random("a.weight", 20, 32, 3).random("b.weight", 3, 50, 4),
                new SmallModel()
                        .random("layers.0.up_proj.weight", 40, 32, 5)
                        .random("layers.1.up_proj.weight", 31, 33, 6)
                        .random("layers.10.q_proj.weight", 64, 16, 7)
                        .vector("norm.weight", 9));
        for (int i = 0; i < models.size(); i++) {
            Path model = models.get(i).write(folder.resolve("model-" + i));
            Path output = folder.resolve("out-" + i);
            // given sizes of one digit and of many: the number itself stands in the manifest
            long smallest = named(model, output, 1);
            assertThat(named(model, output, smallest / 2)).isEqualTo(smallest);
            assertThat(named(model, output, smallest - 1)).isEqualTo(smallest);
            Lowbit run = run(model, output, smallest);
            assertThat(run.code()).as(run.err()).isZero();
            assertThat(Jobs.bytes(output)).isEqualTo(smallest);
        }
    }

    private static Lowbit run(Path model, Path output, long size) {
        return Lowbit.run("compress", model, "--out", output, "--size", size, "--rank", 2, "--quiet", "--threads", 1);
    }

    private static long named(Path model, Path output, long size) {
        Path refused = output.resolveSibling(output.getFileName() + "-refused-" + size);
        Lowbit run = run(model, refused, size);
        assertThat(run.code()).as(run.err()).isEqualTo(5);
        assertThat(run.err().lines()).hasSize(1);
        Matcher matcher = NAMED.matcher(run.err());
        assertThat(matcher.find()).as(run.err()).isTrue();
        return Long.parseLong(matcher.group(1));
    }
}
