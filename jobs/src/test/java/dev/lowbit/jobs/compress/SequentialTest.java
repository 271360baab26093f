package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.Version;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code compress --calibration} layer behind layer: the bytes of the plan, the same for any run, and nearer to the model. */
class SequentialTest {
    private static final double BITS = 3.2;

    @TempDir
    private static Path folder;

    private static Path model;
    private static Path calibration;
    private static Path costs;
    private static Path output;
    private static Map<String, String> expected;
    private static JsonNode result;

    @BeforeAll
    static void compressWithoutInterruption() throws IOException {
        model = WordModel.write(folder.resolve("model"));
        calibration = folder.resolve("calibration.safetensors");
        Path text = WordModel.text(folder.resolve("text.txt"));
        json("calibrate", model, "--text", text, "--out", calibration, "--json", "--quiet");
        costs = folder.resolve("costs.json");
        output = folder.resolve("output");
        result = json(arguments(output));
        expected = Jobs.digests(output);
    }

    private static JsonNode json(Object... args) {
        Lowbit run = Lowbit.run(args);
        assertThat(run.code()).as(run.err()).isZero();
        return JsonMapper.shared().readTree(run.out());
    }

    private static Object[] arguments(Path out, Object... more) {
        List<Object> args = new ArrayList<>(List.of("compress", model, "--out", out, "--bits", BITS, "--rank", 2));
        args.addAll(List.of("--calibration", calibration, "--costs", costs, "--json", "--quiet"));
        args.addAll(List.of(more));
        return args.toArray();
    }

    @Test
    void hasTheFormatsAndBytesOfThePlanAndIsNearerToTheModel() {
        JsonNode parallel = json(arguments(folder.resolve("parallel"), "--no-sequential"));
        for (String field : List.of("bytes", "objective", "uniform")) {
            assertThat(result.get(field)).as(field).isEqualTo(parallel.get(field));
        }
        for (int i = 0; i < result.get("matrices").size(); i++) {
            JsonNode one = result.get("matrices").get(i);
            JsonNode other = parallel.get("matrices").get(i);
            for (String field : List.of("name", "format", "rank", "bytes")) {
                assertThat(one.get(field)).as(field).isEqualTo(other.get(field));
            }
        }
        assertThat(result.get("calibrationKlDivergence").doubleValue())
                .isPositive()
                .isLessThan(parallel.get("calibrationKlDivergence").doubleValue());
        assertThat(Manifest.read(output).job().options()).containsEntry("sequential", "true");
        assertThat(Manifest.read(folder.resolve("parallel")).job().options()).containsEntry("sequential", "false");
        assertThat(Lowbit.run("verify", output, "--quiet").code()).isZero();
    }

    @Test
    void theSameBytesForAnyThreads() {
        Path other = folder.resolve("threads");
        json(arguments(other, "--threads", 3));
        assertThat(Jobs.digests(other)).isEqualTo(expected);
    }

    @ParameterizedTest
    @CsvSource({"128, 1GiB", "512, 2GiB"})
    void theSameBytesForAnyVectorWidthAndMemoryCap(int bits, String memory) throws IOException {
        ChildJvm.assumeRegisters(bits);
        Path other = folder.resolve("width-" + bits);
        Path log = folder.resolve("log-" + bits);
        List<String> args = new ArrayList<>();
        for (Object argument : arguments(other, "--memory", memory)) {
            args.add(argument.toString());
        }
        int code = ChildJvm.run(log, List.of("-Dlowbit.vector.bits=" + bits), args);
        assertThat(code).as(Files.readString(log)).isZero();
        assertThat(Jobs.digests(other)).isEqualTo(expected);
    }

    /** Stopped behind so many of the 14 matrices, once or again and again. */
    @ParameterizedTest
    @ValueSource(ints = {1, 5, 13})
    void aStoppedJobGoesOnToTheSameBytes(int after) {
        JobRequest request = new JobRequest(
                model,
                "lowbit " + Version.lowbit(),
                Methods.named("lq-lora"),
                new Budget.BitsPerWeight(BITS),
                new Compressor.Limits(0, 2, 0, 0),
                TargetSelection.standard(),
                Optional.of(new WithCalibration(calibration, Optional.empty(), Optional.empty())),
                Optional.of(costs),
                OptionalLong.empty());
        Path stopped = folder.resolve("stopped-" + after);
        try (WorkerPool pool = new WorkerPool(2)) {
            boolean resume = false;
            for (int done = after; done < 14; done += after) {
                boolean goOn = resume;
                StopBehind until = new StopBehind(done);
                assertThatThrownBy(() -> CompressJob.run(request, stopped, goOn, pool.workers(), until))
                        .isInstanceOf(CancellationException.class);
                resume = true;
            }
            assertThat(stopped).doesNotExist();
            CompressJob.run(request, stopped, true, pool.workers(), ProgressListener.none());
        }
        assertThat(Jobs.digests(stopped)).isEqualTo(expected);
    }

    /** Stops when that many matrices are compressed. */
    private static final class StopBehind implements ProgressListener {
        private final int matrices;
        private int done;

        private StopBehind(int matrices) {
            this.matrices = matrices;
        }

        @Override
        public Stage stage(String name, long total, String unit) {
            Stage nothing = ProgressListener.none().stage(name, total, unit);
            return !name.equals("compressing")
                    ? nothing
                    : new Stage() {
                        @Override
                        public void advance(long amount) {
                            if (++done == matrices) {
                                throw new CancellationException(name);
                            }
                        }

                        @Override
                        public void close() {
                            nothing.close();
                        }
                    };
        }

        @Override
        public void note(String line) {}
    }

    @Test
    void onlySomeLayersLeaveTheOthersAlone() {
        JsonNode some = json(
                "compress",
                model,
                "--out",
                folder.resolve("some"),
                "--bits",
                BITS,
                "--rank",
                2,
                "--only",
                "mlp",
                "--calibration",
                calibration,
                "--json",
                "--quiet");
        assertThat(some.get("matrices")).hasSize(6);
        assertThat(Lowbit.run("verify", folder.resolve("some"), "--quiet").code())
                .isZero();
    }

    @Test
    void refusesWhatDoesNotGoTogether() {
        refused(2, "--calibration", "plan", model, "--bits", 3, "--sequential");
        refused(2, "--calibration", "plan", model, "--bits", 3, "--no-sequential");
        refused(
                2,
                "hessian",
                "plan",
                model,
                "--bits",
                3,
                "--calibration",
                calibration,
                "--sequential",
                "--objective",
                "fisher");
        assertThat(Lowbit.run(
                                "plan",
                                model,
                                "--bits",
                                3,
                                "--calibration",
                                calibration,
                                "--objective",
                                "fisher",
                                "--quiet")
                        .code())
                .isZero();
    }

    private static void refused(int code, String says, Object... args) {
        Lowbit run = Lowbit.run(args);
        assertThat(run.code()).as(run.err()).isEqualTo(code);
        assertThat(run.err()).contains(says);
    }
}
