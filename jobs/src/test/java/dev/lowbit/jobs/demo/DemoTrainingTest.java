package dev.lowbit.jobs.demo;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.kernel.Workers;
import dev.lowbit.transformer.ModelShape;
import dev.lowbit.transformer.text.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.CancellationException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What makes the embedded model, on a tiny scale. */
class DemoTrainingTest {
    private static final DemoTraining.Settings TINY =
            new DemoTraining.Settings(new ModelShape(16, 1, 2, 1, 8, 24, 380, 24), 6, 2, 1e-2, 2, 3, 9);

    @TempDir
    private Path folder;

    private String train(String name, Workers workers) {
        DemoTraining.run(TINY, folder.resolve(name), workers, line -> {});
        return digest(name);
    }

    private String digest(String name) {
        return Digest.sha256(folder.resolve(name).resolve("model.safetensors"))
                + Digest.sha256(folder.resolve(name).resolve("tokenizer.json"));
    }

    @Test
    void sameBytesForAnyThreads() {
        try (WorkerPool pool = new WorkerPool(3)) {
            assertThat(train("pool", pool.workers())).isEqualTo(train("serial", Workers.serial()));
        }
    }

    @Test
    void aStoppedRunEndsWithTheSameBytes() {
        String whole = train("whole", Workers.serial());
        assertThatThrownBy(() -> DemoTraining.run(TINY, folder.resolve("stopped"), Workers.serial(), line -> {
                    throw new CancellationException("stopped behind " + line);
                }))
                .isInstanceOf(CancellationException.class);
        assertThat(folder.resolve("stopped/state.safetensors")).isRegularFile();
        assertThat(train("stopped", Workers.serial())).isEqualTo(whole);
        assertThat(folder.resolve("stopped/state.safetensors")).doesNotExist();
    }

    /** The vocabulary is made here and now from the seed, as the embedded one was. */
    @Test
    void theEmbeddedTokenizerIsTheOneThatTheSettingsMake() throws Exception {
        DemoModel.write(folder);
        DemoTraining.Settings settings = DemoTraining.Settings.demo();
        String text = Stories.text(settings.seed(), "vocabulary", 0, DemoTraining.VOCABULARY_TEXT);
        String json = JsonOutput.text(BpeTrainer.train(text, settings.shape().vocabulary())) + "\n";
        assertThat(Files.readString(folder.resolve("tokenizer.json"))).isEqualTo(json);
        assertThat(Files.readString(folder.resolve("config.json"))).contains("\"bfloat16\"");
        long bytes = 0;
        try (Stream<Path> files = Files.list(folder)) {
            for (Path file : files.toList()) {
                bytes += Files.size(file);
            }
        }
        assertThat(bytes).isLessThanOrEqualTo(2_000_000);
    }

    @Test
    void textsSurviveTheTokenizer() {
        DemoModel.write(folder);
        String stories = DemoModel.evaluationText(3000);
        try (Tokenizer tokenizer = Tokenizer.open(folder)) {
            for (String text : new String[] {stories, "a", " two  spaces ", "Grüße, 東京!\n\ttab", "<s>"}) {
                assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
            }
            int[] ids = tokenizer.encode(stories);
            assertThat(Arrays.stream(ids).max().orElseThrow()).isLessThan(512);
            // pieces are longer than letters, and nothing of the stories is spelled in bytes but line ends (byte 10 is
            // id 13)
            assertThat(ids.length).isLessThan(stories.length() / 2);
            assertThat(Arrays.stream(ids).filter(id -> id < 259).distinct()).containsExactly(13);
        }
    }
}
