package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;
import java.util.function.LongConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelWriterTest {
    @TempDir
    Path temp;

    private Path model;
    private Path output;
    private final List<MatrixChoice> choices = TinyModels.choices();

    @BeforeEach
    void create() {
        model = TinyModels.create(temp.resolve("model"), 2);
        output = temp.resolve("out");
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void writesExactlyWhatTheLayoutPromised(int shards) {
        Path source = TinyModels.create(temp.resolve("source" + shards), shards);
        TinyModels.compressModel(source, output, choices);
        Map<String, byte[]> written = TinyModels.contents(output);
        Map<String, Long> sizes = new TreeMap<>();
        written.forEach((name, bytes) -> sizes.put(name, (long) bytes.length));
        try (Checkpoint checkpoint = Checkpoint.open(source)) {
            ModelLayout layout = ModelLayout.of(checkpoint, TinyModels.JOB, choices);
            assertThat(sizes).isEqualTo(layout.fileSizes());
            assertThat(sizes.values().stream().mapToLong(Long::longValue).sum()).isEqualTo(layout.outputBytes());
        }
        assertThat(sizes.keySet())
                .contains("config.json", "tokenizer.json", "lowbit.json", "lowbit.json.sha256")
                .contains(shards == 1 ? "model.safetensors" : "model.safetensors.index.json");
        assertThat(temp.resolve("out.partial")).doesNotExist();
        assertThat(Verifier.verify(output)).isEmpty();
    }

    @Test
    void measuresTheErrorOfWhatIsOnDisk() {
        TinyModels.compressModel(model, output, choices);
        try (Checkpoint source = Checkpoint.open(model);
                CompressedModel compressed = CompressedModel.open(output)) {
            for (MatrixChoice choice : choices) {
                MatrixEntry entry = compressed.entry(choice.name());
                try (FloatMatrix weights = TinyModels.weights(source, choice)) {
                    MeasuredError expected = MeasuredError.of(
                            weights,
                            TinyModels.compress(weights, choice.format()),
                            Importance.uniform(),
                            Workers.serial());
                    assertThat(entry.error()).contains(expected);
                    assertThat(entry.error().orElseThrow().relativeError()).isBetween(1e-3, 2.0);
                }
            }
        }
    }

    /** Written once more with the same parts, one of unknown error: only the manifest differs, and everything verifies. */
    @Test
    void aCompressedModelIsLaidOutOnceMore() throws IOException {
        TinyModels.compressModel(model, output, choices);
        Path again = temp.resolve("again");
        String unknown = choices.getFirst().name();
        try (CompressedModel compressed = CompressedModel.open(output);
                WorkDirectory work = WorkDirectory.open(again, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(compressed, TinyModels.JOB, Map.of()), work)) {
            for (String name : compressed.names()) {
                writer.keep(
                        name,
                        compressed.matrix(name),
                        name.equals(unknown)
                                ? Optional.empty()
                                : compressed.entry(name).error());
            }
            Manifest manifest = writer.finish();
            assertThat(manifest.error()).isEmpty();
            assertThat(manifest.sourceDigest()).isEqualTo(compressed.manifest().sourceDigest());
            for (MatrixEntry matrix : manifest.matrices()) {
                if (!matrix.name().equals(unknown)) {
                    assertThat(matrix).isEqualTo(compressed.entry(matrix.name()));
                }
            }
        }
        assertThat(Verifier.verify(again)).isEmpty();
        try (Stream<Path> files = Files.list(output)) {
            for (Path file : files.filter(f -> !f.getFileName().toString().startsWith(Manifest.FILE))
                    .toList()) {
                assertThat(again.resolve(file.getFileName())).hasSameBinaryContentAs(file);
            }
        }
    }

    /** Runs the whole job, calling {@code step} at every point where a process could die. */
    private void run(boolean resume, Runnable step) {
        LongConsumer assembling = bytes -> step.run();
        Workers measuring = new Workers() {
            @Override
            public int parallelism() {
                return 1;
            }

            @Override
            public void forEach(int tasks, IntConsumer body) {
                step.run();
                Workers.serial().forEach(tasks, body);
                step.run();
            }
        };
        step.run();
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, resume)) {
            step.run();
            try (ModelWriter writer = ModelWriter.open(ModelLayout.of(source, TinyModels.JOB, choices), work)) {
                for (MatrixChoice choice : choices) {
                    step.run();
                    if (!writer.has(choice.name())) {
                        try (FloatMatrix weights = TinyModels.weights(source, choice)) {
                            QuantizedMatrix matrix = TinyModels.compress(weights, choice.format());
                            writer.add(choice.name(), matrix, weights, Importance.uniform(), measuring);
                        }
                    }
                }
                writer.finish(assembling);
            }
        }
    }

    private static final class Killed extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    private boolean runAndDieAt(int moment, boolean resume) {
        AtomicInteger steps = new AtomicInteger();
        try {
            run(resume, () -> {
                if (steps.getAndIncrement() == moment) {
                    throw new Killed();
                }
            });
            return false;
        } catch (Killed e) {
            return true;
        }
    }

    @Test
    void aRunThatDiesAtAnyStepResumesToTheSameBytes() throws IOException {
        Map<String, byte[]> expected =
                TinyModels.contents(TinyModels.compressModel(model, temp.resolve("good"), choices));
        int moment = 0;
        while (runAndDieAt(moment, true)) {
            assertThat(output).doesNotExist();
            litterWith("killed in the middle of a write");
            run(true, () -> {});
            assertSame(expected, TinyModels.contents(output), "died at step " + moment);
            assertThat(temp.resolve("out.partial")).doesNotExist();
            WorkDirectory.deleteTree(output);
            moment++;
        }
        assertThat(moment).isGreaterThan(20);
    }

    @Test
    void aRunMayDieManyTimes() {
        Map<String, byte[]> expected =
                TinyModels.contents(TinyModels.compressModel(model, temp.resolve("good"), choices));
        int deaths = 0;
        // dying a little later each time gets past every step in the end
        while (runAndDieAt(2 + deaths, true)) {
            deaths++;
        }
        assertThat(deaths).isGreaterThan(5);
        assertSame(expected, TinyModels.contents(output), "after " + deaths + " deaths");
    }

    private void litterWith(String text) throws IOException {
        Path matrices = temp.resolve("out.partial").resolve("matrices");
        if (Files.isDirectory(matrices)) {
            Files.writeString(matrices.resolve(".0.safetensors.1f-1.tmp"), text);
        }
    }

    @Test
    void damageToAnythingHalfDoneIsFoundAndDoneAgain() throws IOException {
        Map<String, byte[]> expected =
                TinyModels.contents(TinyModels.compressModel(model, temp.resolve("good"), choices));
        Random random = new Random(5);
        for (int round = 0; round < 12; round++) {
            assertThat(runAndDieAt(14, true)).isTrue();
            Path matrices = temp.resolve("out.partial").resolve("matrices");
            Map<String, byte[]> done = TinyModels.contents(matrices);
            String victim = List.copyOf(done.keySet()).get(random.nextInt(done.size()));
            byte[] bytes = done.get(victim);
            int bit = random.nextInt(bytes.length * 8);
            bytes[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(matrices.resolve(victim), round % 3 == 0 ? Arrays.copyOf(bytes, bit / 8) : bytes);
            run(true, () -> {});
            assertSame(expected, TinyModels.contents(output), "bit " + bit + " of " + victim);
            WorkDirectory.deleteTree(output);
        }
    }

    /** What a job keeps for itself, a calibration for example, makes no room for the output. */
    @Test
    void storedAreMatricesAndTheOutputUnderWay() throws IOException {
        assertThat(runAndDieAt(8, true)).isTrue();
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, true);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(source, TinyModels.JOB, choices), work)) {
            Path matrices = work.path().resolve("matrices");
            assertThat(matrices).isNotEmptyDirectory();
            Files.write(work.path().resolve("calibration.safetensors"), new byte[1000]);
            assertThat(writer.stored()).containsExactly(matrices);
            Path half = Files.createDirectory(work.path().resolve("output"));
            assertThat(writer.stored()).containsExactly(matrices, half);
        }
    }

    @Test
    void whatIsFinishedIsNotDoneAgain() {
        assertThat(runAndDieAt(8, true)).isTrue();
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, true);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(source, TinyModels.JOB, choices), work)) {
            assertThat(writer.has(choices.get(0).name())).isTrue();
            assertThat(writer.error(choices.get(0).name()).orElseThrow().squaredError())
                    .isPositive();
            assertThat(writer.has(choices.get(2).name())).isFalse();
            assertThatThrownBy(writer::finish)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining(choices.get(2).name());
        }
    }

    @Test
    void aJobThatDiedRightAfterItsLastStepIsRecognised() {
        TinyModels.compressModel(model, output, choices);
        Map<String, byte[]> expected = TinyModels.contents(output);
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, true);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(source, TinyModels.JOB, choices), work)) {
            assertThat(writer.isPublished()).isTrue();
            assertThat(writer.finish().matrices()).hasSize(choices.size());
        }
        assertSame(expected, TinyModels.contents(output), "published before");
        assertThat(temp.resolve("out.partial")).doesNotExist();
    }

    @Test
    void anOutputOfAnotherJobIsLeftAlone() {
        TinyModels.compressModel(model, output, choices);
        Map<String, byte[]> before = TinyModels.contents(output);
        refuses(() -> WorkDirectory.open(output, false), "exists");
        List<MatrixChoice> other = choices.subList(0, 1);
        refuses(
                () -> {
                    try (Checkpoint source = Checkpoint.open(model);
                            WorkDirectory work = WorkDirectory.open(output, true)) {
                        ModelWriter.open(ModelLayout.of(source, TinyModels.JOB, other), work);
                    }
                },
                "not of this job");
        assertSame(before, TinyModels.contents(output), "untouched");
        assertThat(temp.resolve("out.partial")).doesNotExist();
    }

    @Test
    void anotherJobMayNotContinue() throws IOException {
        assertThat(runAndDieAt(8, true)).isTrue();
        refuses(() -> WorkDirectory.open(output, false), "--resume");
        CompressionJob job = TinyModels.JOB;
        CompressionJob otherSeed = new CompressionJob(
                job.software(), job.method(), 8, job.budgetBytes(), job.objective(), job.bound(), job.options());
        refuses(() -> openWriter(otherSeed, choices), "other options");
        refuses(() -> openWriter(job, choices.reversed()), "other options");
        Files.writeString(model.resolve("tokenizer.json"), "{\"version\": \"2.0\"}");
        refuses(() -> openWriter(job, choices), "another input");
    }

    @Test
    void changedWeightsMayNotBeMixedWithOldOnes() throws IOException {
        assertThat(runAndDieAt(8, true)).isTrue();
        Path file = model.resolve("model-00001-of-00002.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
        refuses(() -> openWriter(TinyModels.JOB, choices), "another input");
    }

    private void openWriter(CompressionJob job, List<MatrixChoice> wanted) {
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, true)) {
            ModelWriter.open(ModelLayout.of(source, job, wanted), work).close();
        }
    }

    @Test
    void twoJobsCannotShareAnOutput() {
        try (WorkDirectory first = WorkDirectory.open(output, true)) {
            assertThat(first.path()).isDirectory();
            refuses(() -> WorkDirectory.open(output, true), "another job");
            refuses(() -> WorkDirectory.open(output, false), "another job");
        }
        WorkDirectory.open(output, false).close();
        assertThat(temp.resolve("out.partial")).doesNotExist();
    }

    /** It may be anybody's, with a name that happens to end like ours; also where a stopped job would be continued. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aDirectoryThatNoJobMadeIsLeftAlone(boolean resume) throws IOException {
        Path partial = Files.createDirectory(temp.resolve("out.partial"));
        Path note = Files.writeString(partial.resolve("NOTES.txt"), "precious");
        refuses(() -> run(resume, () -> {}), "not of a stopped job");
        assertThat(partial.toFile().list()).containsExactly("NOTES.txt");
        Files.delete(note);
        run(resume, () -> {});
        assertThat(Verifier.verify(output)).isEmpty();
    }

    @Test
    void anInputInTheWorkDirectoryIsRefused() throws IOException {
        Path partial = temp.resolve("out.partial");
        WorkDirectory.requireApart(model, output);
        Files.move(model, partial);
        refuses(() -> WorkDirectory.requireApart(partial, output), "move the input");
        Path within = Files.createDirectory(partial.resolve("output"));
        refuses(() -> WorkDirectory.requireApart(within, output), "move the input");
        WorkDirectory.requireApart(partial, temp.resolve("other"));
        WorkDirectory.requireApart(temp, output);
    }

    @Test
    void anOutputThatAppearsMeanwhileIsNotOverwritten() throws IOException {
        refuses(
                () -> run(true, () -> {
                    try {
                        Files.createDirectories(output.resolve("mine"));
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }),
                "not of this job");
        WorkDirectory.deleteTree(output);
        AtomicInteger steps = new AtomicInteger();
        refuses(
                () -> run(true, () -> {
                    try {
                        if (steps.getAndIncrement() == 10) {
                            Files.createDirectory(output);
                        }
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                }),
                "meanwhile");
        assertThat(output).isEmptyDirectory();
        Files.delete(output);
        run(true, () -> {});
        assertThat(Verifier.verify(output)).isEmpty();
    }

    @Test
    void matricesMayBeAddedByManyThreads() {
        Map<String, byte[]> expected =
                TinyModels.contents(TinyModels.compressModel(model, temp.resolve("good"), choices));
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(source, TinyModels.JOB, choices), work);
                ExecutorService executor = Executors.newFixedThreadPool(3)) {
            Workers.on(executor, 3)
                    .forEach(choices.size(), i -> TinyModels.addAll(writer, source, choices.subList(i, i + 1)));
            writer.finish();
        }
        assertSame(expected, TinyModels.contents(output), "by three threads");
    }

    @Test
    void anInterruptIsADeathLikeAnyOther() {
        Map<String, byte[]> expected =
                TinyModels.contents(TinyModels.compressModel(model, temp.resolve("good"), choices));
        for (int moment = 2; moment < 30; moment += 5) {
            int when = moment;
            AtomicInteger steps = new AtomicInteger();
            try {
                run(true, () -> {
                    if (steps.getAndIncrement() == when) {
                        Thread.currentThread().interrupt();
                    }
                });
            } catch (UncheckedIOException e) {
                assertThat(output).doesNotExist();
            }
            Thread.interrupted();
            run(true, () -> {});
            assertSame(expected, TinyModels.contents(output), "interrupted at step " + moment);
            delete(output);
        }
    }

    private static void delete(Path tree) {
        try {
            WorkDirectory.deleteTree(tree);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void aPlaceThatCannotHoldAnOutputIsRefused() throws IOException {
        refuses(() -> WorkDirectory.open(model, false), "exists");
        Path file = Files.writeString(temp.resolve("file"), "");
        assertThatThrownBy(() -> WorkDirectory.open(file.resolve("out"), false))
                .isInstanceOf(UncheckedIOException.class)
                .hasMessageContaining("file");
        assertThatThrownBy(() -> WorkDirectory.open(Path.of("/"), false)).isInstanceOf(InvalidRequestException.class);
        WorkDirectory.open(temp.resolve("a/b/c"), false).close();
    }

    /** A job that goes on would find out only after all that it does before its first matrix. */
    @Test
    void anOutputThatIsNoCompressedModelIsRefusedAtOnce() throws IOException {
        Path link = Files.createSymbolicLink(temp.resolve("link"), temp.resolve("nowhere"));
        for (Path taken : List.of(model, Files.createDirectory(temp.resolve("empty")), link)) {
            refuses(() -> WorkDirectory.open(taken, true), "not of this job");
            refuses(() -> WorkDirectory.open(taken, false), "exists");
        }
    }

    @Test
    void aMatrixMustBeAsPlanned() {
        try (Checkpoint source = Checkpoint.open(model);
                WorkDirectory work = WorkDirectory.open(output, false);
                ModelWriter writer = ModelWriter.open(ModelLayout.of(source, TinyModels.JOB, choices), work);
                FloatMatrix weights = TinyModels.weights(source, choices.get(0))) {
            QuantizedMatrix other = TinyModels.compress(weights, "nf4-g16-f16");
            assertThatThrownBy(() ->
                            writer.add(choices.get(0).name(), other, weights, Importance.uniform(), Workers.serial()))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageContaining("nf4-g16-f16");
            assertThatThrownBy(() -> writer.has("nobody")).isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static void refuses(Runnable action, String why) {
        assertThatThrownBy(action::run)
                .isInstanceOfSatisfying(
                        InvalidRequestException.class,
                        e -> assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.IMPOSSIBLE))
                .hasMessageContaining(why);
    }

    private static void assertSame(Map<String, byte[]> expected, Map<String, byte[]> actual, String when) {
        assertThat(actual.keySet()).as(when).isEqualTo(expected.keySet());
        Map<String, Boolean> equal = new HashMap<>();
        expected.forEach((name, bytes) -> equal.put(name, Arrays.equals(bytes, actual.get(name))));
        assertThat(equal).as(when).doesNotContainValue(false);
    }
}
