package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ManifestTest {
    @TempDir
    Path temp;

    private static Manifest manifest(MeasuredError error, String digest) {
        MatrixEntry matrix = new MatrixEntry(
                "layers.0 \"q\" \\ \u00e9\t",
                "model.safetensors",
                3,
                5,
                true,
                DType.BF16,
                "lq-lora",
                "nf3-g64-f16",
                0,
                Optional.of(error),
                Optional.empty(),
                List.of(
                        new PartEntry("codes", DType.U8, List.of(6L), 6, digest),
                        new PartEntry("scales", DType.F16, List.of(3L, 1L), 6, digest)));
        return new Manifest(
                1,
                TinyModels.JOB,
                digest,
                digest,
                List.of(),
                List.of(matrix),
                List.of(new TensorEntry("norm", "model.safetensors", digest)),
                List.of(new FileEntry("model.safetensors", 400, digest), new FileEntry("a/b.json", 0, digest)));
    }

    private static Manifest example() {
        return manifest(new MeasuredError(1.25e-3, 4, 1e-300), "ab".repeat(32));
    }

    private Manifest reread(byte[] json) throws IOException {
        Files.write(temp.resolve(Manifest.FILE), json);
        return Manifest.read(temp);
    }

    @Test
    void whatIsReadIsWhatWasWritten() throws IOException {
        assertThat(reread(example().toJson())).isEqualTo(example());
        assertThat(reread(example().toJson()).error().orElseThrow().relativeError())
                .isEqualTo(Math.sqrt(1.25e-3 / 4));
        Manifest none = new Manifest(
                1, TinyModels.JOB, "0".repeat(64), "0".repeat(64), List.of(), List.of(), List.of(), List.of());
        assertThat(reread(none.toJson())).isEqualTo(none);
        assertThat(none.bitsPerWeight()).isZero();
    }

    @Test
    void anErrorMayBeUnknownButNotHalf() throws IOException {
        String whole = new String(example().toJson(), StandardCharsets.UTF_8);
        String without = whole.replaceAll("\\s*\"(relativeError|squaredError|squaredNorm|weightedError)\": [^,]+,", "");
        Manifest unknown = reread(without.getBytes(StandardCharsets.UTF_8));
        assertThat(unknown.error()).isEmpty();
        assertThat(unknown.toJson()).isEqualTo(without.getBytes(StandardCharsets.UTF_8));
        String half = whole.replaceAll("\\s*\"squaredNorm\": [^,]+,", "");
        assertThatThrownBy(() -> reread(half.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("squaredNorm");
    }

    @ParameterizedTest
    @ValueSource(
            doubles = {0, Double.MIN_VALUE, 1e-100, 9.999999999999999e-10, 0.1, 1, 1.0 / 3, 1e10, 1e99, 1e100, 1.7e308})
    void measuredNumbersChangeNoSizeAndLoseNoBit(double value) throws IOException {
        MeasuredError error = new MeasuredError(value, 1, value);
        Manifest manifest = manifest(error, "0".repeat(64));
        assertThat(manifest.toJson()).hasSize(example().toJson().length);
        assertThat(reread(manifest.toJson())).isEqualTo(manifest);
    }

    @Test
    void theLocaleChangesNothing() {
        Locale before = Locale.getDefault();
        byte[] expected = example().toJson();
        try {
            for (String tag : new String[] {"tr-TR", "ar-EG-u-nu-arab", "hi-IN-u-nu-deva"}) {
                Locale.setDefault(Locale.forLanguageTag(tag));
                assertThat(example().toJson()).as(tag).isEqualTo(expected);
            }
        } finally {
            Locale.setDefault(before);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"format\": \"lowbit\" | \"format\": \"other\" | BAD_MANIFEST",
                "\"version\": 1 | \"version\": 0 | BAD_MANIFEST",
                "\"version\": 1 | \"version\": \"1\" | BAD_MANIFEST",
                "\"version\": 1 | \"version\": 1.0 | BAD_MANIFEST",
                "\"version\": 1, | '' | BAD_MANIFEST",
                "\"rows\": 3 | \"rows\": 0 | BAD_MANIFEST",
                "\"rows\": 3 | \"rows\": -3 | BAD_MANIFEST",
                "\"rows\": 3 | \"rows\": 2147483648 | BAD_MANIFEST",
                "\"rows\": 3 | \"rows\": 99999999999999999999 | BAD_MANIFEST",
                "\"rows\": 3 | \"rows\": null | BAD_MANIFEST",
                "\"rank\": 0 | \"rank\": -1 | BAD_MANIFEST",
                "\"transposed\": true | \"transposed\": 1 | BAD_MANIFEST",
                "\"sourceType\": \"BF16\" | \"sourceType\": \"bf16\" | BAD_MANIFEST",
                "\"bytes\": 12 | \"bytes\": 13 | BAD_MANIFEST",
                "[3, 1] | [3, -1] | BAD_MANIFEST",
                "[3, 1] | [3, 2] | BAD_MANIFEST",
                "[3, 1] | [1,1,1,1,1,1,1,3,1] | BAD_MANIFEST",
                "[3, 1] | [4611686018427387904, 4611686018427387904] | BAD_MANIFEST",
                "[3, 1] | [3, 0] | BAD_MANIFEST",
                "[3, 1] | 3 | BAD_MANIFEST",
                "\"name\": \"scales\" | \"name\": \"codes\" | BAD_MANIFEST",
                "\"name\": \"norm\" | \"name\": \"\" | BAD_MANIFEST",
                "\"name\": \"norm\", \"file\": \"model | \"name\": \"norm\", \"file\": \"other | BAD_MANIFEST",
                "abab | ABAB | BAD_MANIFEST",
                "abab | aba | BAD_MANIFEST",
                "4.0000000000000000e+00 | -4.0000000000000000e+00 | BAD_MANIFEST",
                "4.0000000000000000e+00 | 04.000000000000000e+00 | BAD_JSON",
                "1.2500000000000000e-03 | 1.2600000000000000e-03 | BAD_MANIFEST",
                "1.2500000000000000e-03 | 1.2500000000000000e999 | BAD_MANIFEST",
                "nf3-g64-f16 | nf3-g64-s8x99999-bf16 | BAD_MANIFEST",
                "nf3-g64-f16 | nf3-g64-what | BAD_MANIFEST",
                "nf3-g64-f16 | '' | BAD_MANIFEST",
                "nf3-g64-f16 | sketch2-r2-f16 | BAD_MANIFEST",
                "a/b.json | ../b.json | UNSAFE_PATH",
                "a/b.json | /b.json | UNSAFE_PATH",
                "a/b.json | a/./b.json | UNSAFE_PATH",
                "a/b.json | a//b.json | UNSAFE_PATH",
                "a/b.json | C:b.json | UNSAFE_PATH",
                "a/b.json | a\\\\b.json | UNSAFE_PATH",
                "a/b.json | a\\u0000.json | UNSAFE_PATH",
                "a/b.json | b.json. | UNSAFE_PATH",
                "a/b.json | '' | UNSAFE_PATH",
                "a/b.json | lowbit.json | UNSAFE_PATH",
                "a/b.json | model.safetensors | BAD_MANIFEST",
                "\"seed\": 7 | \"seed\": 7, \"seed\": 7 | DUPLICATE_KEY",
                "\"seed\": 7 | \"seed\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]] | NESTING_TOO_DEEP",
                "\"seed\": 7 | \"seed\": NaN | BAD_JSON",
                "\"rank\": \"8\" | \"rank\": 8 | BAD_MANIFEST",
                "\"files\": [ | \"files\": {}, \"x\": [ | BAD_MANIFEST",
                "\"matrices\": [ | \"matrices\": [4, | BAD_MANIFEST",
            })
    void refusesWhatNoWriterWrites(String from, String to, Reason reason) {
        String good = new String(example().toJson(), StandardCharsets.UTF_8);
        assertThat(good).contains(from);
        String bad =
                good.replaceFirst(java.util.regex.Pattern.quote(from), java.util.regex.Matcher.quoteReplacement(to));
        assertThatThrownBy(() -> reread(bad.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOfSatisfying(MalformedFileException.class, e -> {
                    assertThat(e.reason()).isEqualTo(reason);
                    assertThat(e.getMessage()).doesNotContain("\n").contains(Manifest.FILE);
                });
    }

    /** 2^62 weights of 4 bytes. */
    @Test
    void refusesAFormatThatOverflows() {
        String bad = new String(example().toJson(), StandardCharsets.UTF_8)
                .replace("nf3-g64-f16", "f32")
                .replace("\"rows\": 3", "\"rows\": 2147483647")
                .replace("\"columns\": 5", "\"columns\": 2147483647");
        assertThatThrownBy(() -> reread(bad.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("more than 2^63 bytes");
    }

    @Test
    void ignoresFieldsOfTheFuture() throws IOException {
        String text = new String(example().toJson(), StandardCharsets.UTF_8);
        byte[] more = text.replace("\"version\": 1", "\"version\": 1, \"later\": {\"a\": [1]}")
                .getBytes(StandardCharsets.UTF_8);
        assertThat(reread(more)).isEqualTo(example());
    }

    @Test
    void refusesANewerVersionAsNewerNotAsDamaged() {
        byte[] newer = new String(example().toJson(), StandardCharsets.UTF_8)
                .replace("\"version\": 1", "\"version\": 3")
                .getBytes(StandardCharsets.UTF_8);
        assertThatThrownBy(() -> reread(newer)).isInstanceOf(UnsupportedModelException.class);
    }

    /** Whatever the bytes, a manifest is read or refused as malformed; nothing else leaves the reader. */
    @Test
    void survivesMutation() throws IOException {
        byte[] good = example().toJson();
        byte[] pieces = "{}[]\",:-0123456789eE.+\\untfals \u0000\u00ff".getBytes(StandardCharsets.ISO_8859_1);
        long seed = 20_261_124;
        Random random = new Random(seed);
        Map<Reason, Integer> seen = new TreeMap<>();
        for (int round = 0; round < 3000; round++) {
            byte[] bad = good.clone();
            for (int edit = random.nextInt(3); edit >= 0; edit--) {
                bad[random.nextInt(bad.length)] = pieces[random.nextInt(pieces.length)];
            }
            try {
                reread(bad);
            } catch (MalformedFileException e) {
                seen.merge(e.reason(), 1, Integer::sum);
            } catch (UnsupportedModelException e) {
                assertThat(e).hasMessageContaining("version");
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + seed + ", round " + round, e);
            }
        }
        assertThat(seen.keySet()).contains(Reason.BAD_JSON, Reason.BAD_MANIFEST);
    }
}
