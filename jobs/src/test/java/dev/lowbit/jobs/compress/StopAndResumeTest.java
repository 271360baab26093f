package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.jobs.ExitCodes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A job that is asked to stop, or that the disk stops, says so in one line and goes on later to the same bytes. */
class StopAndResumeTest {
    private static final double BITS = 2.6;

    /** The JVM's own counters are a file too, and must not be what meets the limit. */
    private static final List<String> FLAGS =
            List.of("-Dlowbit.vector.bits=0", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData");

    @TempDir
    private static Path common;

    @TempDir
    private Path folder;

    private static Path model;
    private static Path whole;
    private static Path costs;
    private static Map<String, String> expected;

    private Path output;
    private Path log;

    @BeforeEach
    void names() {
        output = folder.resolve("output");
        log = folder.resolve("log");
    }

    @BeforeAll
    static void compressWithoutInterruption() throws IOException {
        model = new SmallModel()
                .random("model.embed_tokens.weight", 50, 48, 1)
                .random("layers.0.q_proj.weight", 32, 48, 2)
                .random("layers.0.up_proj.weight", 40, 48, 3)
                .random("layers.1.q_proj.weight", 32, 48, 4)
                .random("layers.1.up_proj.weight", 40, 48, 5)
                .write(common.resolve("model"));
        whole = common.resolve("whole");
        costs = common.resolve("costs.json");
        List<String> args = arguments(whole, "--costs", costs.toString(), "--quiet");
        succeed(args, common.resolve("log"));
        expected = Jobs.digests(whole);
    }

    private static List<String> arguments(Path out, String... more) {
        List<String> args = new ArrayList<>(Jobs.arguments(model, BITS, out));
        args.addAll(List.of(more));
        return args;
    }

    /** In a process with the same kernels as those that are stopped: the scalar reference rounds otherwise. */
    private static void succeed(List<String> args, Path log) throws IOException {
        assertThat(ChildJvm.run(log, FLAGS, args)).as(Files.readString(log)).isZero();
    }

    private void resume(String... more) throws IOException {
        List<String> args = arguments(output, more);
        args.add("--resume");
        succeed(args, log);
        assertThat(Jobs.digests(output)).isEqualTo(expected);
        assertThat(partial()).doesNotExist();
    }

    private Path partial() {
        return output.resolveSibling("output.partial");
    }

    /** Lines of the failure, progress left out. */
    private List<String> failure() throws IOException {
        return Files.readAllLines(log).stream()
                .filter(line -> line.startsWith("lowbit: "))
                .toList();
    }

    @Test
    void sigtermEndsResumable() throws Exception {
        Process child = ChildJvm.start(log, FLAGS, arguments(output));
        while (child.isAlive() && !Files.exists(partial().resolve("costs.json"))) {
            Thread.sleep(2);
        }
        child.destroy();
        assertThat(child.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(child.exitValue()).as(Files.readString(log)).isEqualTo(ExitCodes.INTERRUPTED);
        assertThat(failure()).hasSize(1);
        assertThat(failure().getFirst()).contains("interrupted").contains("--resume");
        assertThat(output).doesNotExist();
        resume();
    }

    @Test
    void aDiskThatIsFullWhilePricing() throws Exception {
        fillsUp(2);
        resume();
    }

    @Test
    void aDiskThatIsFullWhileTheOutputIsPutTogether() throws Exception {
        long largest = Files.size(whole.resolve("model.safetensors"));
        fillsUp(largest / 1024 - 1, "--costs", costs.toString());
        assertThat(partial().resolve("matrices")).isNotEmptyDirectory();
        resume("--costs", costs.toString());
    }

    /** No file beyond some KiB: the same failing write that a full disk gives. */
    private void fillsUp(long kibibytes, String... more) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "needs a shell with ulimit");
        List<String> limit = List.of("/bin/bash", "-c", "ulimit -f " + kibibytes + "; exec \"$0\" \"$@\"");
        int code = ChildJvm.start(limit, log, FLAGS, arguments(output, more)).waitFor();
        assertThat(code).as(Files.readString(log)).isEqualTo(ExitCodes.IO);
        assertThat(failure()).hasSize(1);
        assertThat(failure().getFirst()).doesNotContain("Exception");
        assertThat(output).doesNotExist();
        try (var files = Files.walk(folder)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .as("temporaries")
                    .noneMatch(name -> name.contains("-tmp"));
        }
    }
}
