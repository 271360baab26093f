package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A job that is killed without warning goes on where it was and gives the bytes of an uninterrupted run. */
class KillAndResumeTest {
    private static final double BITS = 2.6;

    /** A process that lives a second is quicker without the optimising compiler, and that needs scalar kernels. */
    private static final List<String> FLAGS = List.of("-Dlowbit.vector.bits=0", "-XX:TieredStopAtLevel=1");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"lq-lora, 16, 3", "int2-lrec, 32, 3", "pv-tuning, 0, 2", "sketchtune, 0, 2"})
    void killsAtRandomMoments(String method, int group, int kills) throws Exception {
        long seed = System.nanoTime();
        System.out.println("KillAndResumeTest seed " + seed);
        Random random = new Random(seed);
        Path model = SmallModel.llama()
                .layer(1)
                .without("model.layers.1.mlp.down_proj.weight")
                .write(folder.resolve("model"));
        Path whole = folder.resolve("whole");
        Path log = folder.resolve("log");
        long launch = System.nanoTime();
        Process uninterrupted = ChildJvm.start(log, FLAGS, arguments(method, group, model, whole));
        awaitWork(uninterrupted, whole);
        long start = System.nanoTime();
        assertThat(uninterrupted.waitFor()).as(Files.readString(log)).isZero();
        long launchMillis = (start - launch) / 1_000_000;
        long millis = (System.nanoTime() - start) / 1_000_000;
        Map<String, String> expected = Jobs.digests(whole);

        int killed = 0;
        int outputs = 0;
        while (killed < kills) {
            Path output = folder.resolve("output-" + outputs++);
            int inARow = 1 + random.nextInt(4);
            boolean finished = false;
            for (int kill = 0; kill < inARow && !finished; kill++) {
                List<String> args = arguments(method, group, model, output);
                if (kill > 0) {
                    args.add("--resume");
                }
                Process child = ChildJvm.start(log, FLAGS, args);
                long moment = random.nextLong(millis + 1);
                if (kill == 0) {
                    awaitWork(child, output);
                } else {
                    moment += launchMillis;
                }
                finished = child.waitFor(moment, TimeUnit.MILLISECONDS);
                child.destroyForcibly().waitFor();
                killed += finished ? 0 : 1;
                if (finished) {
                    assertThat(child.exitValue()).as(Files.readString(log)).isZero();
                }
            }
            if (!finished) {
                List<String> args = arguments(method, group, model, output);
                args.add("--resume");
                assertThat(ChildJvm.run(log, FLAGS, args))
                        .as(Files.readString(log))
                        .isZero();
            }
            assertThat(Jobs.digests(output)).as("seed " + seed).isEqualTo(expected);
            assertThat(Files.exists(output.resolveSibling(output.getFileName() + ".partial")))
                    .isFalse();
        }
    }

    /** From the first sign of work on a kill hits the job and not the start of the JVM. */
    private static void awaitWork(Process child, Path output) throws InterruptedException {
        Path sign = output.resolveSibling(output.getFileName() + ".partial");
        while (child.isAlive() && !Files.exists(sign)) {
            Thread.sleep(5);
        }
    }

    private static List<String> arguments(String method, int group, Path model, Path output) {
        List<String> args = new ArrayList<>(Jobs.arguments(model, BITS, output));
        args.addAll(List.of("--method", method));
        if (group > 0) {
            args.addAll(List.of("--group", Integer.toString(group)));
        }
        return args;
    }
}
