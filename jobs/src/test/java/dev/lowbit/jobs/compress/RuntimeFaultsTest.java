package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.method.Compressor;
import dev.lowbit.store.Verifier;
import dev.lowbit.store.WorkDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CancellationException;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What goes wrong while a job runs: the answer is typed, one line, and leaves nothing half done. */
class RuntimeFaultsTest {
    private static final double BITS = 3;

    @TempDir
    private Path folder;

    private Path model() {
        return small().write(folder.resolve("model"));
    }

    private static SmallModel small() {
        return new SmallModel()
                .random("layers.0.up_proj.weight", 20, 32, 1)
                .random("layers.1.up_proj.weight", 20, 32, 2);
    }

    private JobResult compress(Path model, Path output, boolean resume) {
        return Jobs.compress(Jobs.request(model, BITS), output, resume, 1);
    }

    private static void impossible(org.assertj.core.api.ThrowableAssert.ThrowingCallable call, String message) {
        assertThatThrownBy(call)
                .isInstanceOfSatisfying(
                        InvalidRequestException.class,
                        e -> assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.IMPOSSIBLE))
                .hasMessageContaining(message)
                .hasMessageNotContaining("\n");
    }

    @Test
    void anOutputThatExistsOrLiesInTheInputIsRefusedBeforeAnyWork() throws IOException {
        Path model = model();
        Path existing = Files.createDirectory(folder.resolve("existing"));
        impossible(() -> compress(model, existing, false), "exists");
        impossible(() -> compress(model, model, false), "lies in the input");
        impossible(() -> compress(model, model.resolve("deeper").resolve("out"), false), "lies in the input");
        Path link = Files.createSymbolicLink(folder.resolve("link"), model);
        impossible(() -> compress(model, link.resolve("out"), false), "lies in the input");
        assertThat(model.toFile().list()).containsExactly("model.safetensors");
        assertThat(existing.toFile().list()).isEmpty();
    }

    @Test
    void anUnwritableParentIsAnInputOutputError() throws IOException {
        Path model = model();
        Path parent = Files.createDirectory(folder.resolve("locked"));
        Files.setPosixFilePermissions(parent, PosixFilePermissions.fromString("r-x------"));
        Assumptions.assumeFalse(Files.isWritable(parent), "this user may write everywhere");
        assertThatThrownBy(() -> compress(model, parent.resolve("out"), false))
                .hasRootCauseInstanceOf(IOException.class);
    }

    @Test
    void aFileWhereTheParentShouldBeIsAnInputOutputError() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "x");
        Path model = model();
        assertThatThrownBy(() -> compress(model, file.resolve("out"), false)).hasRootCauseInstanceOf(IOException.class);
    }

    @Test
    void twoJobsOnOneOutputExcludeEachOther() {
        Path model = model();
        Path output = folder.resolve("out");
        try (WorkDirectory other = WorkDirectory.open(output, false)) {
            impossible(() -> compress(model, output, false), "another job");
            assertThat(other.isPublished()).isFalse();
        }
        assertThat(compress(model, output, false).bytes()).isPositive();
    }

    @Test
    void aStoppedJobIsOnlyContinuedWhenAskedFor() {
        Path model = model();
        Path output = folder.resolve("out");
        interruptedRun(model, output);
        impossible(() -> compress(model, output, false), "--resume");
        Map<String, String> expected = digestsOfWhole(model);
        compress(model, output, true);
        assertThat(Jobs.digests(output)).isEqualTo(expected);
        assertThat(Verifier.verify(output)).isEmpty();
    }

    /** What the refusal advises works as it stands, and the prices need not be found again. */
    @Test
    void aBudgetThatWasTooSmallIsNoStoppedJob() throws IOException {
        Path model = model();
        Path output = folder.resolve("out");
        assertThatThrownBy(() -> Jobs.compress(Jobs.request(model, 0.5), output, false, 1))
                .hasMessageContaining("smallest");
        Path costs = folder.resolve("out.partial").resolve("costs.json");
        assertThat(costs).exists();
        Map<String, String> expected = digestsOfWhole(model);
        compress(model, output, false);
        assertThat(Jobs.digests(output)).isEqualTo(expected);
    }

    /** Runs until the first matrix is finished; prices and that matrix are kept. */
    private void interruptedRun(Path model, Path output) {
        ProgressListener interrupting = new ProgressListener() {
            @Override
            public Stage stage(String name, long total, String unit) {
                return name.equals("compressing")
                        ? new InterruptingStage()
                        : ProgressListener.none().stage(name, total, unit);
            }

            @Override
            public void note(String line) {}
        };
        assertThatThrownBy(
                        () -> CompressJob.run(Jobs.request(model, BITS), output, false, Workers.serial(), interrupting))
                .isInstanceOf(CancellationException.class);
        assertThat(Thread.interrupted()).isTrue();
        assertThat(Files.exists(output)).isFalse();
    }

    /** Interrupts the job at the end of its first step. */
    private static final class InterruptingStage implements ProgressListener.Stage {
        @Override
        public void advance(long amount) {
            Thread.currentThread().interrupt();
        }

        @Override
        public void close() {}
    }

    private Map<String, String> digestsOfWhole(Path model) {
        Path whole = folder.resolve("whole");
        compress(model, whole, false);
        return Jobs.digests(whole);
    }

    @Test
    void anInputThatChangedSinceAJobWasStoppedIsRefused() {
        Path model = model();
        Path output = folder.resolve("out");
        interruptedRun(model, output);
        SmallModel changed = small();
        changed.values("layers.0.up_proj.weight")[5] += 1;
        changed.write(model);
        impossible(() -> compress(model, output, true), "another input");
        assertThat(Files.exists(output)).isFalse();
    }

    @Test
    void otherOptionsThanThoseOfTheStoppedJobAreRefused() {
        Path model = model();
        Path output = folder.resolve("out");
        interruptedRun(model, output);
        JobRequest given = Jobs.request(model, BITS);
        JobRequest other = new JobRequest(
                given.input(),
                given.software(),
                given.method(),
                given.budget(),
                new dev.lowbit.method.Compressor.Limits(0, 4, 0, 0),
                given.selection(),
                given.calibration(),
                given.costs(),
                given.memoryBytes());
        impossible(() -> Jobs.compress(other, output, true, 1), "--rank 8");
    }

    /** Memory is asked for what the format has, not for what a budget could choose. */
    @Test
    void aFormatSaysTheRankThatMemoryIsNeededFor() {
        for (String id : List.of("nf3-g64-f16", "nf3-g64-f16+r99-nf8")) {
            MatrixFormat format = MatrixFormats.parse(id);
            JobRequest request =
                    Jobs.request(folder, new Budget.OneFormat(format), Optional.empty(), OptionalLong.empty());
            assertThat(request.reachable().minRank()).isEqualTo(format.rank());
            assertThat(request.reachable().maxRank()).isEqualTo(format.rank());
        }
        JobRequest chosen = Jobs.request(folder, BITS);
        assertThat(chosen.reachable()).isEqualTo(chosen.limits());
    }

    @Test
    void nonFiniteWeightsAreNamed() {
        for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            SmallModel model = small();
            model.values("layers.1.up_proj.weight")[2 * 32 + 7] = bad;
            Path path = model.write(folder.resolve("bad"));
            assertThatThrownBy(() -> compress(path, folder.resolve("out"), false))
                    .isInstanceOfSatisfying(
                            MalformedFileException.class,
                            e -> assertThat(e.reason()).isEqualTo(MalformedFileException.Reason.NON_FINITE))
                    .hasMessageContaining("layers.1.up_proj.weight")
                    .hasMessageContaining("row 2, column 7");
            assertThat(Files.exists(folder.resolve("out"))).isFalse();
            deletePartial();
        }
    }

    /** Finite, but beyond what sums of products of floats hold. */
    @ParameterizedTest
    @MethodSource("methods")
    void weightsNearTheFloatMaximumAreNamed(String method) {
        SmallModel model = small();
        float[] values = model.values("layers.1.up_proj.weight");
        for (int i = 0; i < values.length; i++) {
            values[i] = values[i] < 0 ? -3.3e38f : 3.3e38f;
        }
        JobRequest request = request(method, model.write(folder.resolve("large")));
        for (int threads = 1; threads < 3; threads++) {
            int some = threads;
            impossible(() -> Jobs.plan(request, some), "layers.1.up_proj.weight has a weight of magnitude 3.3E38");
            impossible(() -> Jobs.compress(request, folder.resolve("out"), true, some), "leave it out with --skip");
        }
        assertThat(Files.exists(folder.resolve("out"))).isFalse();
    }

    /** Where f16 does not reach, formats of bf16 are left. */
    @ParameterizedTest
    @ValueSource(strings = {"float", "int2-lrec", "lq-lora", "pv-tuning", "sketchtune"})
    void weightsOfTheLargestMagnitudeAreCompressed(String method) {
        SmallModel model = small();
        float[] values = model.values("layers.1.up_proj.weight");
        for (int i = 0; i < values.length; i++) {
            values[i] = i % 3 == 0 ? 0x1p100f * values[i] : Math.copySign(0x1p100f, values[i]);
        }
        Path output = folder.resolve("out");
        JobResult result = Jobs.compress(request(method, model.write(folder.resolve("large"))), output, false, 1);
        assertThat(result.relativeError().getAsDouble()).isBetween(0.0, 1.0);
        assertThat(Verifier.verify(output)).isEmpty();
    }

    /** Scales of 8-bit codes are a 255th of the range, so f16 holds them when it no longer holds those of fewer bits. */
    @Test
    void anOutlierTakesFormatsFromThePlanAndNotThePlan() {
        SmallModel model = small();
        model.values("layers.1.up_proj.weight")[40] = 1e6f;
        JobRequest request = request("gptq", 12, model.write(folder.resolve("large")));
        Path output = folder.resolve("out");
        JobResult result = Jobs.compress(request, output, false, 2);
        assertThat(result.matrices())
                .filteredOn(matrix -> matrix.name().equals("layers.1.up_proj.weight"))
                .allMatch(matrix -> matrix.format().startsWith("affine8-"));
        assertThat(Verifier.verify(output)).isEmpty();
    }

    @Test
    void aTensorThatNoFormatHoldsIsNamed() {
        SmallModel model = small();
        model.values("layers.1.up_proj.weight")[40] = 1e12f;
        Path path = model.write(folder.resolve("large"));
        impossible(
                () -> Jobs.plan(request("gptq", 6, path), 1),
                "layers.1.up_proj.weight has a weight of magnitude 1.0E12, and no format that gptq prices can hold it");
    }

    /** A single format is not priced: what cannot be written is found when it is confirmed. */
    @ParameterizedTest
    @CsvSource({
        "gptq, affine4-g32-f16",
        "int2-lrec, affine4-g32-f16",
        "lq-lora, nf4-g32-f16",
        "pv-tuning, aq1x8-g8-row-f16",
        "sketchtune, sketch2-r1-f16"
    })
    void aTensorThatOneFormatCannotHoldIsNamed(String method, String format) {
        SmallModel model = small();
        model.values("layers.1.up_proj.weight")[40] = 1e12f;
        JobRequest request = request(
                method, new Budget.OneFormat(MatrixFormats.parse(format)), model.write(folder.resolve("large")));
        impossible(() -> Jobs.plan(request, 2), "layers.1.up_proj.weight: ");
    }

    static List<String> methods() {
        return Methods.names();
    }

    private static JobRequest request(String method, Path model) {
        return request(method, method.equals("float") ? 32 : 6, model);
    }

    private static JobRequest request(String method, double bits, Path model) {
        return request(method, new Budget.BitsPerWeight(bits), model);
    }

    private static JobRequest request(String method, Budget budget, Path model) {
        return Jobs.request(
                method,
                new Compressor.Limits(0, Jobs.RANK, 0, 0),
                model,
                budget,
                Optional.empty(),
                OptionalLong.empty());
    }

    private void deletePartial() {
        try (WorkDirectory work = WorkDirectory.open(folder.resolve("out"), true)) {
            Files.deleteIfExists(work.path().resolve("costs.json"));
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }

    @Test
    void oddButFiniteWeightsGiveDefinedResultsAndAWarning() {
        SmallModel model = small().random("a.zero.weight", 20, 32, 3)
                .random("a.equal.weight", 20, 32, 4)
                .random("a.outlier.weight", 20, 32, 5)
                .random("a.subnormal.weight", 20, 32, 6)
                .random("a.row.weight", 1, 32, 7)
                .random("a.column.weight", 20, 1, 8);
        java.util.Arrays.fill(model.values("a.zero.weight"), 0);
        java.util.Arrays.fill(model.values("a.equal.weight"), 0.25f);
        model.values("a.outlier.weight")[100] = 1e30f;
        java.util.Arrays.fill(model.values("a.subnormal.weight"), Float.MIN_VALUE * 3);
        Path output = folder.resolve("out");
        JobResult result = Jobs.compress(Jobs.request(model.write(folder.resolve("odd")), 4.5), output, false, 1);
        assertThat(result.warnings())
                .anyMatch(warning -> warning.contains("a.zero.weight is all zero"))
                .anyMatch(
                        warning -> warning.contains("a.outlier.weight has a weight of magnitude 1.0000000150474662E30"))
                .hasSize(2);
        assertThat(result.matrices())
                .allMatch(matrix -> Double.isFinite(matrix.relativeError().getAsDouble()));
        assertThat(result.matrices())
                .filteredOn(matrix -> matrix.name().equals("a.zero.weight"))
                .allMatch(matrix -> matrix.relativeError().getAsDouble() == 0);
        assertThat(Verifier.verify(output)).isEmpty();
    }

    @Test
    void localeDoesNotMatter() {
        Path model = model();
        Map<String, String> expected = digestsOfWhole(model);
        Locale before = Locale.getDefault();
        try {
            for (String tag : List.of("tr-TR", "ar-EG-u-nu-arab", "de-DE")) {
                Locale.setDefault(Locale.forLanguageTag(tag));
                Path output = folder.resolve("out-" + tag);
                compress(model, output, false);
                assertThat(Jobs.digests(output)).isEqualTo(expected);
            }
        } finally {
            Locale.setDefault(before);
        }
    }

    @Test
    void otherDefaultCharsetsDoNotMatter() throws IOException {
        Path model = model();
        Map<String, String> expected = digestsOfWhole(model);
        Path output = folder.resolve("out");
        Path log = folder.resolve("log");
        int code = ChildJvm.run(
                log, List.of("-Dfile.encoding=UTF-16", "-Duser.language=ar"), Jobs.arguments(model, BITS, output));
        assertThat(code)
                .as(Files.readString(log, java.nio.charset.StandardCharsets.ISO_8859_1))
                .isZero();
        assertThat(Jobs.digests(output)).isEqualTo(expected);
    }

    @Test
    void aMemoryCapBelowTheNeedNamesIt() {
        Path model = model();
        JobRequest request =
                Jobs.request(model, new Budget.BitsPerWeight(BITS), Optional.empty(), OptionalLong.of(20L << 20));
        impossible(() -> Jobs.compress(request, folder.resolve("out"), false, 1), "give --memory");
        assertThat(Files.exists(folder.resolve("out.partial"))).isFalse();
    }

    @Test
    void aCompressedModelIsNotCompressedAgain() {
        Path output = folder.resolve("out");
        compress(model(), output, false);
        impossible(() -> compress(output, folder.resolve("again"), false), "compressed already");
    }

    @Test
    void aSizeIsTheSizeOfTheWholeDirectory() {
        Path model = model();
        for (long size : new long[] {4500, 4700, 5300}) {
            JobRequest request =
                    Jobs.request(model, new Budget.OutputBytes(size), Optional.empty(), OptionalLong.empty());
            Path output = folder.resolve("out-" + size);
            JobResult result = Jobs.compress(request, output, false, 1);
            assertThat(Jobs.bytes(output)).isEqualTo(result.outputBytes()).isLessThanOrEqualTo(size);
        }
    }
}
