package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Models as earlier versions wrote them must load for ever and mean the same weights. Each fixture is a directory beside a
 * file {@code <name>.digests} with the SHA-256 of every dequantized matrix (float32, little-endian). Never change one; add
 * one when the format grows.
 */
class OldVersionsTest {
    static List<Path> fixtures() {
        try {
            Path folder = Path.of(OldVersionsTest.class.getResource("/store").toURI());
            try (Stream<Path> paths = Files.list(folder)) {
                return paths.filter(Files::isDirectory).sorted().toList();
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void loadsAndMeansTheSame(Path fixture) throws IOException {
        assertThat(Verifier.verify(fixture)).isEmpty();
        Map<String, String> digests = new TreeMap<>();
        try (CompressedModel model = CompressedModel.open(fixture)) {
            for (String name : model.names()) {
                digests.put(name, restoredDigest(model, name));
            }
        }
        Map<String, String> expected = new TreeMap<>();
        for (String line : Files.readAllLines(fixture.resolveSibling(fixture.getFileName() + ".digests"))) {
            String[] words = line.split(" {2}");
            expected.put(words[1], words[0]);
        }
        assertThat(digests).isEqualTo(expected).isNotEmpty();
    }

    static String restoredDigest(CompressedModel model, String name) {
        MatrixEntry entry = model.entry(name);
        try (FloatMatrix restored = FloatMatrix.allocate(entry.rows(), entry.columns())) {
            model.matrix(name).dequantize(0, restored, Workers.serial());
            return Digest.sha256(restored.segment());
        }
    }
}
