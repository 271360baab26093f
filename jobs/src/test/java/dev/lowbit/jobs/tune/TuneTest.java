package dev.lowbit.jobs.tune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.cuda.FakeProvider;
import dev.lowbit.device.Finding;
import dev.lowbit.jobs.BrokenCap;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.jobs.demo.DemoModel;
import dev.lowbit.jobs.demo.TinyModel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.method.Tunable;
import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.PartEntry;
import dev.lowbit.store.Verifier;
import dev.lowbit.transformer.tuning.TuningSettings.TargetSteps;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class TuneTest {
    @TempDir
    private static Path common;

    @TempDir
    private Path folder;

    private static Path model;
    private static Path compressed;
    private static Path text;

    @BeforeAll
    static void compress() throws IOException {
        model = TinyModel.write(common.resolve("model"));
        compressed = compress("compressed", 1);
        text = Files.writeString(common.resolve("text"), DemoModel.calibrationText(6000));
    }

    private static Path compress(String name, int minRank) {
        Path out = common.resolve(name);
        Lowbit run = Lowbit.run(
                "compress",
                model,
                "--out",
                out,
                "--bits",
                minRank == 0 ? 4.5 : 5.5,
                "--min-rank",
                minRank,
                "--rank",
                minRank,
                "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        return out;
    }

    private Lowbit tune(Path input, String out, Object... more) {
        List<Object> args =
                new ArrayList<>(List.of("tune", input, "--text", text, "--out", folder.resolve(out), "--json"));
        args.addAll(List.of("--quiet", "--epochs", 2));
        args.addAll(Arrays.asList(more));
        return Lowbit.run(args.toArray());
    }

    private static JsonNode succeeded(Lowbit run) {
        assertThat(run.err()).isEmpty();
        assertThat(run.code()).isZero();
        return JsonMapper.shared().readTree(run.out());
    }

    /** The manifest holds the digest of every other file. */
    private String digest(String out) {
        return Digest.sha256(folder.resolve(out).resolve(Manifest.FILE));
    }

    @Test
    void lowersTheDivergenceAndTouchesNothingButFactors() {
        JsonNode result = succeeded(tune(compressed, "out", "--reference", model));
        double after = result.get("lossAfter").doubleValue();
        assertThat(after).isLessThan(result.get("lossBefore").doubleValue());
        assertThat(result.get("loss").stringValue()).isEqualTo("klDivergence");
        assertThat(Verifier.verify(folder.resolve("out"))).isEmpty();
        Manifest before = Manifest.read(compressed);
        Manifest tuned = Manifest.read(folder.resolve("out"));
        assertThat(tuned.tensors()).isEqualTo(before.tensors());
        assertThat(tuned.bytes()).isEqualTo(before.bytes());
        assertThat(tuned.sourceDigest()).isEqualTo(before.sourceDigest());
        assertThat(tuned.job().options()).containsAllEntriesOf(before.job().options());
        assertThat(tuned.job().options()).containsKeys("tune.text", "tune.model", "tune.reference", "tune.seed");
        for (int i = 0; i < before.matrices().size(); i++) {
            requireOnlyFactorsChanged(before.matrices().get(i), tuned.matrices().get(i));
        }
        // what the output's bytes give on the held-out part is what was promised, to the last bit
        JsonNode again = succeeded(tune(folder.resolve("out"), "again", "--reference", model));
        assertThat(again.get("lossBefore").doubleValue()).isEqualTo(after);
    }

    /** New digests over old damage would make it good for ever. */
    @ParameterizedTest
    @ValueSource(strings = {"model.embed_tokens.weight", "model.layers.0.mlp.down_proj.weight.codes"})
    void aDamagedModelIsNotTuned(String tensor) throws IOException {
        Path damaged = compress("damaged " + tensor, 1);
        SampleModels.flip(damaged, tensor);
        Lowbit run = tune(damaged, "out", "--parts", "all");
        assertThat(run.code()).isEqualTo(ExitCodes.MALFORMED);
        assertThat(run.err()).contains("DAMAGED", "run lowbit verify");
        assertThat(folder).isEmptyDirectory();
    }

    private static void requireOnlyFactorsChanged(MatrixEntry before, MatrixEntry tuned) {
        assertThat(tuned.format()).isEqualTo(before.format());
        assertThat(tuned.error()).isPresent();
        assertThat(tuned.error()).isNotEqualTo(before.error());
        int changed = 0;
        for (int p = 0; p < before.parts().size(); p++) {
            PartEntry old = before.parts().get(p);
            boolean same = old.equals(tuned.parts().get(p));
            boolean factor = old.name().startsWith("left") || old.name().startsWith("right");
            assertThat(same || factor).as(before.name() + "." + old.name()).isTrue();
            changed += same ? 0 : 1;
        }
        assertThat(changed).isPositive();
    }

    @Test
    void withoutTheSourceErrorsAreUnknownAndSayNothing() {
        JsonNode result = succeeded(tune(compressed, "out"));
        assertThat(result.get("loss").stringValue()).isEqualTo("crossEntropy");
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(result.get("lossBefore").doubleValue());
        assertThat(result.has("relativeError")).isFalse();
        assertThat(Verifier.verify(folder.resolve("out"))).isEmpty();
        Manifest.read(folder.resolve("out"))
                .matrices()
                .forEach(matrix -> assertThat(matrix.error()).isEmpty());
        assertThat(Lowbit.run("inspect", folder.resolve("out")).out()).contains("unknown");
        assertThat(Lowbit.run("inspect", folder.resolve("out"), "--json").out()).doesNotContain("relativeError");
    }

    @Test
    void sameBytesForAnyThreads() {
        succeeded(tune(compressed, "one", "--threads", 1, "--reference", model, "--seed", 4));
        succeeded(tune(compressed, "three", "--threads", 3, "--reference", model, "--seed", 4));
        succeeded(tune(compressed, "other", "--threads", 3, "--reference", model, "--seed", 5));
        assertThat(digest("three")).isEqualTo(digest("one"));
        assertThat(digest("other")).isNotEqualTo(digest("one"));
    }

    @Test
    void withAllPartsCodebooksAndScalesAreTrained() {
        Path plain = compress("plain", 0);
        JsonNode result = succeeded(tune(plain, "all", "--reference", model, "--parts", "all", "--threads", 1));
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(result.get("lossBefore").doubleValue());
        assertThat(Verifier.verify(folder.resolve("all"))).isEmpty();
        Manifest before = Manifest.read(plain);
        Manifest tuned = Manifest.read(folder.resolve("all"));
        assertThat(tuned.bytes()).isEqualTo(before.bytes());
        assertThat(tuned.tensors()).isEqualTo(before.tensors());
        assertThat(tuned.job().options()).containsEntry("tune.parts", "all");
        succeeded(tune(plain, "threads", "--reference", model, "--parts", "all", "--threads", 3));
        assertThat(digest("threads")).isEqualTo(digest("all"));
        assertThat(tune(plain, "none", "--parts", "some").code()).isEqualTo(2);
    }

    @Test
    void withCodesTheCodesFollowToo() {
        Path plain = common.resolve("coded");
        assertThat(Lowbit.run("compress", model, "--out", plain, "--format", "lc2-g32-f16", "--quiet")
                        .code())
                .isZero();
        List<Object> codes = List.of("--reference", model, "--parts", "codes", "--code-rate", 0.12);
        JsonNode result = succeeded(tune(plain, "codes", with(codes, "--threads", 1)));
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(result.get("lossBefore").doubleValue());
        assertThat(Verifier.verify(folder.resolve("codes"))).isEmpty();
        Manifest before = Manifest.read(plain);
        Manifest tuned = Manifest.read(folder.resolve("codes"));
        assertThat(tuned.bytes()).isEqualTo(before.bytes());
        assertThat(tuned.tensors()).isEqualTo(before.tensors());
        assertThat(tuned.job().options())
                .containsEntry("tune.parts", "codes")
                .containsEntry("tune.codeRate", "0.12")
                .containsKeys("tune.codeFraction", "tune.codeDecay");
        for (int i = 0; i < before.matrices().size(); i++) {
            assertThat(tuned.matrices().get(i).parts().getFirst())
                    .as("codes of " + before.matrices().get(i).name())
                    .isNotEqualTo(before.matrices().get(i).parts().getFirst());
        }
        succeeded(tune(plain, "threads", with(codes, "--threads", 3)));
        assertThat(digest("threads")).isEqualTo(digest("codes"));
        JsonNode straight = succeeded(tune(plain, "straight", with(codes, "--code-steps", "adam")));
        assertThat(straight.get("lossAfter").doubleValue())
                .isLessThan(straight.get("lossBefore").doubleValue());
        assertThat(digest("straight")).isNotEqualTo(digest("codes"));
        succeeded(tune(plain, "trusted", with(codes, "--code-trust", 0.01)));
        assertThat(Manifest.read(folder.resolve("trusted")).job().options()).containsEntry("tune.codeTrust", "0.01");
        assertThat(tuned.job().options()).doesNotContainKey("tune.codeTrust");
        assertThat(digest("trusted")).isNotEqualTo(digest("codes"));
        List<Object> byChance = Arrays.asList(with(codes, "--code-temperature", 0.5));
        succeeded(tune(plain, "chance", with(byChance, "--threads", 1)));
        assertThat(Manifest.read(folder.resolve("chance")).job().options())
                .containsEntry("tune.codeTemperature", "0.5");
        assertThat(digest("chance")).isNotEqualTo(digest("codes"));
        succeeded(tune(plain, "chance again", with(byChance, "--threads", 3)));
        assertThat(digest("chance again")).isEqualTo(digest("chance"));
        // codes alone, which is straight-through: values stay as they are
        succeeded(tune(plain, "alone", with(codes, "--learning-rate", 0, "--code-fraction", 1)));
        for (int i = 0; i < before.matrices().size(); i++) {
            List<PartEntry> old = before.matrices().get(i).parts();
            List<PartEntry> now =
                    Manifest.read(folder.resolve("alone")).matrices().get(i).parts();
            assertThat(now.subList(1, now.size())).isEqualTo(old.subList(1, old.size()));
        }
    }

    private Path additive(String name, Object... more) {
        Path out = common.resolve(name);
        List<Object> args = new ArrayList<>(List.of("compress", model, "--out", out, "--method", "pv-tuning"));
        args.addAll(List.of("--format", "aq1x4-g4-row-s4x64-bf16", "--quiet"));
        args.addAll(Arrays.asList(more));
        Lowbit run = Lowbit.run(args.toArray());
        assertThat(run.code()).as(run.err()).isZero();
        return out;
    }

    @Test
    void codebooksOfSeveralMatricesAreTrainedOnce() {
        Path plain = additive("common");
        List<Object> codes = List.of("--reference", model, "--parts", "codes", "--code-rate", 0.12);
        JsonNode result = succeeded(tune(plain, "out", with(codes, "--threads", 1)));
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(result.get("lossBefore").doubleValue());
        assertThat(Verifier.verify(folder.resolve("out"))).isEmpty();
        Manifest before = Manifest.read(plain);
        Manifest tuned = Manifest.read(folder.resolve("out"));
        assertThat(before.shared()).hasSize(1);
        assertThat(tuned.shared()).hasSize(1).isNotEqualTo(before.shared());
        assertThat(tuned.bytes()).isEqualTo(before.bytes());
        succeeded(tune(plain, "threads", with(codes, "--threads", 3)));
        assertThat(digest("threads")).isEqualTo(digest("out"));
        // what the output's bytes give on the held-out part is what was promised, to the last bit
        JsonNode again = succeeded(tune(folder.resolve("out"), "again", "--reference", model, "--parts", "all"));
        assertThat(again.get("lossBefore")).isEqualTo(result.get("lossAfter"));
    }

    /** Embeddings are not tuned, so what they share must not move under them. */
    @Test
    void codebooksThatSomethingElseUsesStay() {
        Path plain = additive("embeddings", "--embeddings");
        JsonNode result = succeeded(
                tune(plain, "out", "--reference", model, "--parts", "codes", "--code-rate", 0.12, "--threads", 1));
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(result.get("lossBefore").doubleValue());
        assertThat(Verifier.verify(folder.resolve("out"))).isEmpty();
        assertThat(Manifest.read(folder.resolve("out")).shared())
                .isEqualTo(Manifest.read(plain).shared());
    }

    private static Object[] with(List<Object> options, Object... more) {
        List<Object> all = new ArrayList<>(options);
        all.addAll(Arrays.asList(more));
        return all.toArray();
    }

    @Test
    void optionsOfCodesNeedCodes() {
        Map<String, Object> options = Map.of(
                "--code-rate",
                0.5,
                "--code-fraction",
                0.5,
                "--code-trust",
                0.5,
                "--code-decay",
                0.5,
                "--code-temperature",
                0.5,
                "--code-steps",
                "adam");
        for (Map.Entry<String, Object> option : options.entrySet()) {
            Lowbit run = tune(compressed, "out", option.getKey(), option.getValue());
            assertThat(run.code()).isEqualTo(ExitCodes.USAGE);
            assertThat(run.err()).contains("--parts codes");
        }
        Lowbit unknown = tune(compressed, "out", "--parts", "codes", "--code-steps", "sgd");
        assertThat(unknown.code()).isEqualTo(ExitCodes.USAGE);
        assertThat(unknown.err()).contains("natural or adam");
        assertThat(tune(compressed, "out", "--parts", "codes", "--code-fraction", 0)
                        .code())
                .isEqualTo(ExitCodes.USAGE);
        assertThat(tune(compressed, "out", "--parts", "codes", "--code-rate", 2).code())
                .isEqualTo(ExitCodes.USAGE);
    }

    /** The paper's way, which starts from no correction; what is quantized stays byte for byte. */
    @Test
    void rankGivesMatricesACorrectionFirst() {
        Path plain = compress("bare", 0);
        assertThat(tune(plain, "refused").err()).contains("--rank");
        JsonNode result = succeeded(tune(plain, "ranked", "--reference", model, "--rank", 2, "--threads", 1));
        assertThat(result.get("lossAfter").doubleValue())
                .isLessThan(result.get("lossBefore").doubleValue());
        assertThat(Verifier.verify(folder.resolve("ranked"))).isEmpty();
        Manifest before = Manifest.read(plain);
        Manifest tuned = Manifest.read(folder.resolve("ranked"));
        assertThat(tuned.tensors()).isEqualTo(before.tensors());
        assertThat(tuned.job().options()).containsEntry("tune.rank", "2");
        for (int i = 0; i < before.matrices().size(); i++) {
            MatrixEntry old = before.matrices().get(i);
            MatrixEntry now = tuned.matrices().get(i);
            if (old.rank() > 0) {
                assertThat(now.format()).isEqualTo(old.format());
                continue;
            }
            assertThat(now.format()).isEqualTo(old.format() + "+r2-f16");
            assertThat(now.rank()).isEqualTo(2);
            assertThat(now.bytes()).isEqualTo(old.bytes() + 4L * (old.rows() + old.columns()));
            assertThat(now.parts()).startsWith(old.parts().toArray(PartEntry[]::new));
        }
        assertThat(succeeded(Lowbit.run("inspect", folder.resolve("ranked"), "--json"))
                        .get("paperBitsPerWeight")
                        .isNumber())
                .isTrue();
        succeeded(tune(plain, "threads", "--reference", model, "--rank", 2, "--threads", 3));
        assertThat(digest("threads")).isEqualTo(digest("ranked"));
    }

    /** LoRA on a model in floats: the weights stay, two factors of each matrix are trained; and beside it every weight. */
    @Test
    void aModelInFloatsIsAdapted() {
        Path floats = common.resolve("floats");
        Lowbit run = Lowbit.run("compress", model, "--out", floats, "--method", "float", "--format", "f32", "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        Lowbit neither = tune(floats, "neither");
        assertThat(neither.code()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(neither.err()).contains("--rank", "--parts all");
        JsonNode adapter = succeeded(tune(floats, "adapter", "--rank", 2));
        assertThat(adapter.get("lossAfter").doubleValue())
                .isLessThan(adapter.get("lossBefore").doubleValue());
        long factors = 0;
        long weights = 0;
        for (MatrixEntry matrix : Manifest.read(folder.resolve("adapter")).matrices()) {
            assertThat(matrix.format()).isEqualTo("f32+r2-f16");
            factors += 2L * (matrix.rows() + matrix.columns());
            weights += matrix.weights();
        }
        assertThat(adapter.get("trainedParameters").longValue()).isEqualTo(factors);
        JsonNode all = succeeded(tune(floats, "all", "--parts", "all"));
        assertThat(all.get("trainedParameters").longValue()).isEqualTo(weights);
        assertThat(all.get("lossAfter").doubleValue())
                .isLessThan(adapter.get("lossBefore").doubleValue());
        assertThat(Verifier.verify(folder.resolve("all"))).isEmpty();
    }

    /** At a rate that changes no float. */
    @Test
    void whenNothingIsBetterThePartsStayAsTheyWere() {
        JsonNode result = succeeded(tune(compressed, "out", "--learning-rate", 1e-20));
        assertThat(result.get("improved").booleanValue()).isFalse();
        assertThat(result.get("step").intValue()).isZero();
        assertThat(result.get("lossAfter")).isEqualTo(result.get("lossBefore"));
        assertThat(Manifest.read(folder.resolve("out")).matrices())
                .isEqualTo(Manifest.read(compressed).matrices());
    }

    /** The terms of --rank too: each is written as it began, with a left factor of zeros, and so the model is the same function. */
    @Test
    void whenNothingIsBetterFreshTermsAddNothing() {
        Path plain = compress("zeros", 0);
        JsonNode result = succeeded(tune(plain, "out", "--rank", 1, "--learning-rate", 1e-20));
        assertThat(result.get("improved").booleanValue()).isFalse();
        assertThat(result.get("tunedMatrices").intValue()).isZero();
        assertThat(result.get("lossAfter")).isEqualTo(result.get("lossBefore"));
        assertThat(Verifier.verify(folder.resolve("out"))).isEmpty();
        List<MatrixEntry> before = Manifest.read(plain).matrices();
        List<MatrixEntry> after = Manifest.read(folder.resolve("out")).matrices();
        for (int i = 0; i < before.size(); i++) {
            MatrixEntry old = before.get(i);
            MatrixEntry now = after.get(i);
            assertThat(now.rank()).isPositive();
            assertThat(now.error()).isEqualTo(old.error());
            assertThat(now.parts()).startsWith(old.parts().toArray(PartEntry[]::new));
            if (old.rank() == 0) {
                byte[] zeros = new byte[2 * old.rows()];
                assertThat(now.parts().get(old.parts().size()).sha256()).isEqualTo(Digest.sha256(zeros));
            }
        }
        // what the output's bytes give on the held-out part is what was promised, to the last bit
        JsonNode again = succeeded(tune(folder.resolve("out"), "again"));
        assertThat(again.get("lossBefore")).isEqualTo(result.get("lossAfter"));
    }

    /** The reference on a device gives its predictions up to rounding; the manifest says that it was there. */
    @Test
    void aDeviceMultipliesTheReference() {
        Assumptions.assumeTrue(
                new FakeProvider().find() instanceof Finding.Found, "skipped: no g++, which the fake device needs");
        Object[] few = {"--reference", model, "--max-tokens", 300, "--context", 16};
        JsonNode cpu = succeeded(tune(compressed, "cpu", few));
        JsonNode device = succeeded(tune(
                compressed, "device", "--reference", model, "--max-tokens", 300, "--context", 16, "--device", "fake"));
        assertThat(device.get("lossAfter").doubleValue())
                .isCloseTo(cpu.get("lossAfter").doubleValue(), within(1e-4));
        assertThat(Manifest.read(folder.resolve("device")).job().options()).containsEntry("tune.device", "fake");
        assertThat(Manifest.read(folder.resolve("cpu")).job().options()).doesNotContainKey("tune.device");
        assertThat(FakeCuda.liveBytes()).isZero();
        Lowbit alone = tune(compressed, "alone", "--device", "fake");
        assertThat(alone.code()).isEqualTo(ExitCodes.USAGE);
        assertThat(alone.err()).contains("give --reference too");
        assertThat(folder.resolve("alone")).doesNotExist();
    }

    private TuneRequest request(double learningRate, Tunable.Extent extent) {
        return new TuneRequest(
                compressed,
                text,
                Optional.of(model),
                "test",
                extent,
                0,
                3000,
                OptionalInt.empty(),
                2,
                OptionalInt.of(4),
                0,
                learningRate,
                extent == Tunable.Extent.CODES
                        ? Optional.of(new TuneRequest.Codes(TargetSteps.NATURAL, 0.1, 0.5, 0.1, 0, learningRate))
                        : Optional.empty(),
                Optional.empty(),
                0,
                OptionalLong.empty());
    }

    /** Lets the job die when it has done some steps. */
    private record DiesAt(int steps) implements ProgressListener {
        @Override
        public Stage stage(String name, long total, String unit) {
            long[] done = {0};
            return new Stage() {
                @Override
                public void advance(long amount) {
                    done[0] += amount;
                    if (name.equals("tuning") && done[0] >= steps) {
                        throw new CancellationException("behind step " + done[0]);
                    }
                }

                @Override
                public void close() {}
            };
        }

        @Override
        public void note(String line) {}
    }

    /** The first rate is far too high, so that the job goes back to its best and on with a third, again and again. */
    @ParameterizedTest
    @CsvSource({"0.5, LOW_RANK", "0.02, CODES"})
    void aStoppedJobEndsWithTheSameBytes(double learningRate, Tunable.Extent extent) {
        TuneRequest request = request(learningRate, extent);
        TuneResult whole =
                TuneJob.run(request, folder.resolve("whole"), false, Workers.serial(), ProgressListener.none());
        assertThat(whole.step()).isPositive();
        Path out = folder.resolve("stopped");
        for (int stop : new int[] {1, 9, 25}) {
            boolean resume = Files.exists(folder.resolve("stopped.partial"));
            assertThatThrownBy(() -> TuneJob.run(request, out, resume, Workers.serial(), new DiesAt(stop)))
                    .isInstanceOf(CancellationException.class);
            assertThat(out).doesNotExist();
        }
        TuneJob.run(request, out, true, Workers.serial(), ProgressListener.none());
        assertThat(digest("stopped")).isEqualTo(digest("whole"));
        assertThat(folder.resolve("stopped.partial")).doesNotExist();
        // it is there and complete: neither again nor another job in its place
        assertThat(tune(compressed, "stopped").code()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(tune(compressed, "stopped", "--resume").code()).isEqualTo(ExitCodes.IMPOSSIBLE);
    }

    @Test
    void withoutATrainablePartThereIsNothingToDo() {
        Lowbit run = tune(compress("flat", 0), "out");
        assertThat(run.code()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(run.err()).contains("no trainable part").contains("--min-rank 1");
        assertThat(run.err().lines()).hasSize(1);
        assertThat(folder.resolve("out")).doesNotExist();
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    @ParameterizedTest
    @CsvSource({
        "--learning-rate, 0, 2",
        "--learning-rate, NaN, 2",
        "--context, 1, 2",
        "--epochs, 0, 2",
        "--batch, 0, 2",
        "--max-tokens, 0, 2",
        "--context, 1000, 5",
        "--max-tokens, 20, 5",
        "--memory, 10MiB, 5",
    })
    void refusesWhatCannotBe(String option, String value, int code) {
        Lowbit run = tune(compressed, "out", option, value);
        assertThat(run.code()).as(run.err()).isEqualTo(code);
        assertThat(run.err().lines()).hasSize(1);
        assertThat(folder.resolve("out")).doesNotExist();
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    /** Small windows, so that an epoch has many steps. */
    @Test
    void moreStepsThanAreCountedAreRefused() {
        Lowbit run = Lowbit.run(
                "tune",
                compressed,
                "--text",
                text,
                "--out",
                folder.resolve("out"),
                "--epochs",
                Integer.MAX_VALUE,
                "--batch",
                1);
        assertThat(run.code()).as(run.err()).isEqualTo(ExitCodes.USAGE);
        assertThat(run.err()).contains("give fewer --epochs or a larger --batch");
        assertThat(folder.resolve("out")).doesNotExist();
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    private Path copyOfModel(String name, String old, String now) throws IOException {
        Path copy = Files.createDirectory(folder.resolve(name));
        try (Stream<Path> files = Files.list(model)) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(file.getFileName()));
            }
        }
        Path config = copy.resolve("config.json");
        String before = Files.readString(config);
        assertThat(before).contains(old);
        Files.writeString(config, before.replace(old, now));
        return copy;
    }

    @Test
    void aBeginningThatTheModelDoesNotHaveIsTheFilesFault() throws IOException {
        Path strange = copyOfModel("strange", "\"bos_token_id\" : 1", "\"bos_token_id\" : 379999");
        Path packed = folder.resolve("packed");
        assertThat(Lowbit.run("compress", strange, "--out", packed, "--bits", 5.5, "--min-rank", 1, "--quiet")
                        .code())
                .isZero();
        for (Lowbit run : List.of(
                tune(packed, "out"),
                Lowbit.run("calibrate", strange, "--text", text, "--out", folder.resolve("c.safetensors")))) {
            assertThat(run.code()).as(run.err()).isEqualTo(ExitCodes.MALFORMED);
            assertThat(run.err()).contains("tokenizer.json").contains("379999");
        }
        assertThat(folder.resolve("out")).doesNotExist();
    }

    /** Whatever is wrong with the reference: it is not loaded to find out that it does not fit. */
    @Test
    void theCapIsAskedBeforeAnythingIsLoaded() throws IOException {
        Path odd = copyOfModel("odd", "\"silu\"", "\"mish\"");
        assertThat(tune(compressed, "out", "--reference", odd).code()).isEqualTo(ExitCodes.UNSUPPORTED);
        Lowbit run = tune(compressed, "out", "--reference", odd, "--memory", "10MiB");
        assertThat(run.code()).as(run.err()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(run.err()).contains("tuning " + compressed + " beside " + odd, "give a smaller --batch");
        Path longer = Files.writeString(folder.resolve("longer"), "w1 ".repeat(1 << 20));
        run = Lowbit.run(
                "tune", compressed, "--text", longer, "--out", folder.resolve("out"), "--quiet", "--memory", "10MiB");
        assertThat(run.code()).as(run.err()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(run.err()).contains("cut the text").doesNotContain("--batch");
    }

    @Test
    void aReferenceThatOverflowsIsRefusedBeforeTheFirstStep() throws IOException {
        Path huge = copyOfModel("huge", "\"llama\"", "\"llama\"");
        Path weights = huge.resolve("model.safetensors");
        byte[] bytes = Files.readAllBytes(weights);
        // the largest exponent of a finite number, whatever the type
        Arrays.fill(bytes, bytes.length - 64, bytes.length, (byte) 0x7f);
        Files.write(weights, bytes);
        Lowbit run = tune(compressed, "out", "--reference", huge);
        assertThat(run.code()).as(run.err()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(run.err()).contains("before the first step");
        assertThat(folder.resolve("out")).doesNotExist();
        assertThat(folder.resolve("out.partial")).doesNotExist();
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void aCapThatWasNotKeptIsAWarning() {
        JsonNode result = succeeded(tune(compressed, "out", "--max-tokens", 300, "--memory", BrokenCap.bytes()));
        assertThat(result.get("warnings").toString()).contains("is above the cap of");
    }

    @Test
    void badInputEndsWithTheCodeOfTheContract() throws IOException {
        Path bad = Files.write(folder.resolve("bad"), new byte[] {'a', (byte) 0xff, 'b'});
        Path empty = Files.createFile(folder.resolve("empty"));
        assertThat(Lowbit.run("tune", compressed, "--text", bad, "--out", folder.resolve("out"))
                        .code())
                .isEqualTo(ExitCodes.MALFORMED);
        assertThat(Lowbit.run("tune", compressed, "--text", empty, "--out", folder.resolve("out"))
                        .code())
                .isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(tune(model, "out").code()).isEqualTo(ExitCodes.USAGE);
        assertThat(tune(folder.resolve("absent"), "out").code()).isNotZero();
        assertThat(Lowbit.run("tune", compressed, "--out", folder.resolve("out"))
                        .code())
                .isEqualTo(ExitCodes.USAGE);
        Path demo = folder.resolve("demo");
        DemoModel.write(demo);
        assertThat(tune(compressed, "out", "--reference", demo).code()).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(folder.resolve("out")).doesNotExist();
    }
}
