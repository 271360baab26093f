package dev.lowbit.jobs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One flipped bit, in whatever file of an output, and {@code verify} says "damaged" with its exit code. */
class BitFlipTest {
    private static final int FLIPS_PER_FILE = 30;

    /** Of the manifest: format, version and fingerprint, where a bit could make it look like something else. */
    private static final int MANIFEST_HEAD_BYTES = 60;

    @TempDir
    private Path folder;

    @Test
    void everyFlippedBitIsFound() throws IOException {
        long seed = System.nanoTime();
        System.out.println("BitFlipTest seed " + seed);
        Random random = new Random(seed);
        Path output = SampleModels.compressed(SampleModels.llama(folder.resolve("model")), folder.resolve("out"), 1);
        assertThat(Lowbit.run("verify", output).code()).isZero();
        for (Path file : files(output)) {
            byte[] good = Files.readAllBytes(file);
            for (int flip = 0; flip < FLIPS_PER_FILE; flip++) {
                requireFound(output, file, good, random.nextInt(8 * good.length), seed);
            }
            Files.write(file, good);
        }
        assertThat(Lowbit.run("verify", output).code()).isZero();
    }

    @Test
    void noBitOfTheManifestsHeadMakesItSomethingElse() throws IOException {
        Path output = SampleModels.compressed(SampleModels.gpt2(folder.resolve("model")), folder.resolve("out"), 0);
        Path manifest = output.resolve("lowbit.json");
        byte[] good = Files.readAllBytes(manifest);
        assertThat(new String(good, 0, MANIFEST_HEAD_BYTES, StandardCharsets.UTF_8))
                .contains("\"version\": 1");
        for (int bit = 0; bit < 8 * MANIFEST_HEAD_BYTES; bit++) {
            requireFound(output, manifest, good, bit, 0);
        }
    }

    /** A model that a newer Lowbit wrote is whole, and unsupported. */
    @Test
    void anIntactManifestOfANewerVersionIsUnsupported() throws Exception {
        Path output = SampleModels.compressed(SampleModels.gpt2(folder.resolve("model")), folder.resolve("out"), 0);
        Path manifest = output.resolve("lowbit.json");
        Files.writeString(manifest, Files.readString(manifest).replaceFirst("\"version\": 1", "\"version\": 9"));
        assertThat(Lowbit.run("verify", output).code()).isEqualTo(ExitCodes.DAMAGED);
        Files.writeString(
                output.resolve("lowbit.json.sha256"),
                dev.lowbit.checkpoint.Digest.sha256(manifest) + "  lowbit.json\n");
        assertThat(Lowbit.run("verify", output).code()).isEqualTo(ExitCodes.UNSUPPORTED);
    }

    private static List<Path> files(Path output) throws IOException {
        try (Stream<Path> files = Files.walk(output)) {
            return files.filter(Files::isRegularFile).sorted().toList();
        }
    }

    private static void requireFound(Path output, Path file, byte[] good, int bit, long seed) throws IOException {
        byte[] bad = good.clone();
        bad[bit / 8] ^= (byte) (1 << bit % 8);
        Files.write(file, bad);
        Lowbit run = Lowbit.run("verify", output);
        assertThat(run.code())
                .as("seed %d: bit %d of %s: %s%s", seed, bit, file.getFileName(), run.out(), run.err())
                .isEqualTo(ExitCodes.DAMAGED);
        assertThat(run.out()).contains("damaged: ").contains(file.getFileName().toString());
        assertThat(run.err()).isEmpty();
    }
}
