package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.error.UnsupportedModelException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class VerifierTest {
    private static final int RANDOM_BITS_PER_FILE = 30;
    private static final int FIRST_BITS = 9 * 8;
    private static final int LAST_BITS = 2 * 8;

    @TempDir
    Path temp;

    private Path output;

    @BeforeEach
    void compress() {
        Path model = TinyModels.create(temp.resolve("model"), 2);
        output = TinyModels.compressModel(model, temp.resolve("out"), TinyModels.choices());
        assertThat(Verifier.verify(output)).isEmpty();
    }

    @Test
    void oneFlippedBitAnywhereInAnyFileIsFound() throws IOException {
        Map<String, byte[]> files = TinyModels.contents(output);
        assertThat(files).hasSize(7);
        long seed = 11;
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Random random = new Random(seed++);
            Set<Integer> bits = new HashSet<>();
            int length = file.getValue().length * 8;
            // every bit of the length field and the opening brace, of the end, then anywhere
            for (int bit = 0; bit < FIRST_BITS; bit++) {
                bits.add(bit);
            }
            for (int bit = length - LAST_BITS; bit < length; bit++) {
                bits.add(bit);
            }
            for (int i = 0; i < RANDOM_BITS_PER_FILE; i++) {
                bits.add(random.nextInt(length));
            }
            for (int bit : bits) {
                byte[] altered = file.getValue().clone();
                altered[bit / 8] ^= (byte) (1 << bit % 8);
                Files.write(output.resolve(file.getKey()), altered);
                assertThat(findings()).as("bit " + bit + " of " + file.getKey()).isTrue();
            }
            Files.write(output.resolve(file.getKey()), file.getValue());
        }
        assertThat(Verifier.verify(output)).isEmpty();
    }

    /** A manifest whose version grows is another way of being found. */
    private boolean findings() {
        try {
            return !Verifier.verify(output).isEmpty();
        } catch (UnsupportedModelException e) {
            return true;
        }
    }

    @Test
    void truncatedAndLengthenedFilesAreFound() throws IOException {
        for (Map.Entry<String, byte[]> file : TinyModels.contents(output).entrySet()) {
            byte[] bytes = file.getValue();
            for (int length : new int[] {0, 1, bytes.length / 2, bytes.length - 1, bytes.length + 1}) {
                Files.write(output.resolve(file.getKey()), Arrays.copyOf(bytes, length));
                assertThat(findings()).as(length + " bytes of " + file.getKey()).isTrue();
            }
            Files.delete(output.resolve(file.getKey()));
            assertThat(findings()).as(file.getKey() + " removed").isTrue();
            Files.write(output.resolve(file.getKey()), bytes);
        }
    }

    @Test
    void everyBadFileIsReportedInOneRun() throws IOException {
        for (String name : new String[] {
            "config.json", "tokenizer.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
        }) {
            byte[] bytes = Files.readAllBytes(output.resolve(name));
            bytes[bytes.length - 2] ^= 4;
            Files.write(output.resolve(name), bytes);
        }
        Files.writeString(output.resolve("stray.txt"), "mine");
        assertThat(Verifier.verify(output).stream().map(Finding::file))
                .contains(
                        "config.json",
                        "tokenizer.json",
                        "model-00001-of-00002.safetensors",
                        "model-00002-of-00002.safetensors",
                        "stray.txt");
    }

    @Test
    void whatALinkLeadsToIsVerified() throws IOException {
        Path link = Files.createSymbolicLink(temp.resolve("link"), output);
        assertThat(Verifier.verify(link)).isEmpty();
        Files.writeString(output.resolve("stray.txt"), "mine");
        assertThat(Verifier.verify(link)).isEqualTo(Verifier.verify(output)).hasSize(1);
    }

    @Test
    void anAlteredTensorIsNamed() throws IOException {
        Path file = output.resolve("model-00001-of-00002.safetensors");
        byte[] bytes = Files.readAllBytes(file);
        bytes[bytes.length - 1] ^= 1;
        Files.write(file, bytes);
        assertThat(Verifier.verify(output))
                .anySatisfy(
                        finding -> assertThat(finding.problem()).startsWith("tensor model.layers.0.q_proj.weight."));
    }

    @Test
    void aReportMayLieBesideTheModel() throws IOException {
        Files.writeString(output.resolve("report.html"), "<html>");
        assertThat(Verifier.verify(output)).isEmpty();
        Files.writeString(output.resolve("report2.html"), "<html>");
        assertThat(Verifier.verify(output)).hasSize(1);
    }

    @Test
    void aConsistentlyForgedManifestStillHasToFitTheWeights() throws IOException {
        String manifest = Files.readString(output.resolve(Manifest.FILE));
        String[][] forgeries = {
            {"\"rank\": 2", "\"rank\": 1"},
            {"nf3-g16-s8x4-bf16+r2-nf8", "nf3-g16-s8x4-bf16+r2-f16"},
            {"nf3-g16-s8x4-bf16+r2-nf8", "zz3-g16-s8x4-bf16+r2-nf8"},
            {"\"rows\": 17", "\"rows\": 18"},
            {"\"type\": \"U8\"", "\"type\": \"I8\""},
            {"model-00001-of-00002.safetensors\", \"sha256\"", "model-00002-of-00002.safetensors\", \"sha256\""},
            {"\"name\": \"flags\"", "\"name\": \"flagz\""},
            {"model.layers.0.q_proj.weight", "model.layers.0.k_proj.weight"},
        };
        for (String[] forgery : forgeries) {
            String altered = manifest.replaceFirst(java.util.regex.Pattern.quote(forgery[0]), forgery[1]);
            assertThat(altered).isNotEqualTo(manifest);
            byte[] bytes = altered.getBytes(StandardCharsets.UTF_8);
            Files.write(output.resolve(Manifest.FILE), bytes);
            Files.writeString(output.resolve(Manifest.DIGEST_FILE), Manifest.digestLine(Digest.sha256(bytes)));
            assertThat(findings()).as(forgery[1]).isTrue();
        }
    }

    @Test
    void somethingElseIsNoCompressedModel() throws IOException {
        assertThat(Verifier.verify(temp.resolve("model"))).hasSize(1);
        assertThat(Verifier.verify(temp.resolve("nowhere"))).hasSize(1);
        String newer = Files.readString(output.resolve(Manifest.FILE)).replace("\"version\": 1", "\"version\": 3");
        Files.writeString(output.resolve(Manifest.FILE), newer);
        assertThat(findings()).as("its digest does not hold").isTrue();
        String digest = Digest.sha256(newer.getBytes(StandardCharsets.UTF_8));
        Files.writeString(output.resolve(Manifest.DIGEST_FILE), Manifest.digestLine(digest));
        assertThatThrownBy(() -> Verifier.verify(output))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("newer Lowbit");
    }
}
