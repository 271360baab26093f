package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What config.json says about positions. Frequencies are compared with the formulas in plain sight. */
class ConfigReaderTest {
    private static final ModelShape SHAPE = new ModelShape(12, 1, 2, 1, 6, 20, 17, 64);

    @TempDir
    private Path folder;

    private SmallModels small;

    @BeforeEach
    void write() {
        small = new SmallModels(SHAPE, true, "silu", false, true, 1);
        small.write(folder);
    }

    /** The small model's config.json, without a rotary base of its own, with more fields. */
    private ConfigReader with(String fields) {
        try {
            String others = small.config().replaceFirst("\"rope_theta\": [^,]*, ", "");
            Files.writeString(folder.resolve("config.json"), others.replaceFirst("\\{", "{" + fields + ", "));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return new ConfigReader(checkpoint.config().orElseThrow());
        }
    }

    private double[] frequencies(String fields) {
        ConfigReader reader = with(fields);
        return reader.rotaryFrequencies(reader.shape());
    }

    private static double[] plain(double theta) {
        return new double[] {1, Math.pow(theta, -1 / 3.0), Math.pow(theta, -2 / 3.0)};
    }

    @Test
    void thetaStandsAloneOrWithTheParameters() {
        assertThat(frequencies("\"rope_theta\": 500000.0")).containsExactly(plain(5e5), within(1e-15));
        assertThat(frequencies("\"rope_parameters\": {\"rope_type\": \"default\", \"rope_theta\": 1000000}"))
                .containsExactly(plain(1e6), within(1e-15));
        assertThat(frequencies("\"rope_scaling\": null")).containsExactly(plain(1e4), within(1e-15));
    }

    @Test
    void linearScalingDividesEveryFrequency() {
        double[] expected = plain(1e4);
        for (int i = 0; i < expected.length; i++) {
            expected[i] /= 4;
        }
        assertThat(frequencies("\"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}"))
                .containsExactly(expected, within(1e-15));
    }

    @Test
    void llama3ScalingKeepsFastTurnsAndSlowsSlowOnes() {
        double[] plain = plain(1e4);
        double[] scaled =
                frequencies("\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1,"
                        + " \"high_freq_factor\": 4, \"original_max_position_embeddings\": 256}");
        // turns over 256 positions: 40.7, 1.89 and 0.09
        double keep = (256 * plain[1] / (2 * Math.PI) - 1) / 3;
        assertThat(scaled)
                .containsExactly(
                        new double[] {plain[0], (1 - keep) * plain[1] / 8 + keep * plain[1], plain[2] / 8},
                        within(1e-15));
    }

    @Test
    void aSlidingWindowBoundsTheContextWhereItIsUsed() {
        assertThat(with("\"sliding_window\": 16").shape().context()).isEqualTo(16);
        assertThat(with("\"sliding_window\": 4096").shape().context()).isEqualTo(64);
        assertThat(with("\"sliding_window\": null").shape().context()).isEqualTo(64);
        assertThat(with("\"sliding_window\": 16, \"use_sliding_window\": false")
                        .shape()
                        .context())
                .isEqualTo(64);
        assertThatThrownBy(() -> with("\"sliding_window\": 0").shape()).isInstanceOf(MalformedFileException.class);
    }

    /** The defaults of their configurations in the library that wrote the files. */
    @Test
    void whereNothingIsSaidAboutTheWindowTheModelTypeDecides() throws IOException {
        String sizes =
                "\"hidden_size\": 12, \"num_hidden_layers\": 1, \"num_attention_heads\": 2, \"intermediate_size\": 20,"
                        + " \"vocab_size\": 17, \"max_position_embeddings\": 32768}";
        assertThat(of("{\"model_type\": \"mistral\", " + sizes).shape().context())
                .isEqualTo(4096);
        assertThat(of("{\"model_type\": \"mistral\", \"sliding_window\": null, " + sizes)
                        .shape()
                        .context())
                .isEqualTo(32768);
        assertThat(of("{\"model_type\": \"qwen2\", \"sliding_window\": 128, " + sizes)
                        .shape()
                        .context())
                .isEqualTo(32768);
        assertThat(of("{\"model_type\": \"qwen2\", \"sliding_window\": 128, \"use_sliding_window\": true, " + sizes)
                        .shape()
                        .context())
                .isEqualTo(128);
    }

    /** A context as long as numbers go costs what is read of it. */
    @Test
    void positionsAreFormedWhereTheyAreMet() {
        Rotary rotary = new Rotary(Integer.MAX_VALUE, plain(1e4));
        for (int position : new int[] {0, 1023, 1024, 5000, Integer.MAX_VALUE - 1}) {
            float[] row = {1, 2, 3, 4, 5, 6};
            rotary.turn(FloatMatrix.wrap(1, 6, row), 0, position, 1);
            for (int i = 0; i < 3; i++) {
                double angle = position * Math.pow(1e4, -i / 3.0);
                // (1 + i, 4 + i) turned; the angle is of up to 2^31 turns, of which a double keeps 2^-21
                assertThat((double) row[i])
                        .isCloseTo((1 + i) * Math.cos(angle) - (4 + i) * Math.sin(angle), within(1e-5));
                assertThat((double) row[i + 3])
                        .isCloseTo((4 + i) * Math.cos(angle) + (1 + i) * Math.sin(angle), within(1e-5));
            }
        }
    }

    @Test
    void whatCannotBeIsRefused() {
        assertThatThrownBy(() -> frequencies("\"rope_scaling\": {\"type\": \"yarn\", \"factor\": 4}"))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("yarn");
        assertThatThrownBy(() -> frequencies("\"rope_scaling\": {\"type\": \"linear\", \"factor\": -1}"))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("factor");
        assertThatThrownBy(() -> frequencies("\"rope_theta\": -1")).isInstanceOf(MalformedFileException.class);
        assertThatThrownBy(() -> frequencies("\"rope_scaling\": {\"factor\": 4}"))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("rope_type");
        assertThatThrownBy(() -> frequencies("\"rope_parameters\": {\"rope_type\": \"default\"},"
                        + " \"rope_scaling\": {\"type\": \"linear\", \"factor\": 4}"))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("both");
    }

    /** A config.json alone, without the fields of another. */
    private ConfigReader of(String config) throws IOException {
        Files.writeString(folder.resolve("config.json"), config);
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            return new ConfigReader(checkpoint.config().orElseThrow());
        }
    }

    /** Widths are products of what the file says, each of which is possible. */
    @Test
    void aWidthThatNoMatrixHasIsRefused() throws IOException {
        ConfigReader heads = of("""
                {"model_type": "llama", "hidden_size": 12, "num_hidden_layers": 1, "num_attention_heads": 2147483647,
                 "num_key_value_heads": 1, "head_dim": 8, "intermediate_size": 20, "vocab_size": 17,
                 "max_position_embeddings": 64}
                """);
        assertThatThrownBy(heads::shape)
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("num_attention_heads * head_dim = 17179869176");
        ConfigReader inner = of("""
                {"model_type": "gpt2", "n_embd": 1073741824, "n_layer": 1, "n_head": 1, "vocab_size": 17, "n_positions": 64}
                """);
        assertThatThrownBy(inner::shape)
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("4 * n_embd = 4294967296");
        ConfigReader foreign = of("""
                {"model_type": "gpt2", "n_embd": 12, "n_layer": 1, "n_head": 2, "head_dim": 8, "vocab_size": 17,
                 "n_positions": 64}
                """);
        assertThatThrownBy(foreign::shape)
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("leave head_dim");
    }

    /** An output head that config.json promises is not replaced by the embedding, and one that it denies is not used. */
    @Test
    void theHeadIsWhatConfigSays() throws IOException {
        assertThat(with("\"x\": 0").tied(true)).isTrue();
        for (String type : new String[] {"llama", "gpt2"}) {
            assertThat(of("{\"model_type\": \"" + type + "\", \"tie_word_embeddings\": false}")
                            .tied(false))
                    .isFalse();
            assertThat(of("{\"model_type\": \"" + type + "\"}").tied(false)).isTrue();
        }
        assertThat(of("{\"model_type\": \"llama\"}").tied(true)).isFalse();
        assertThat(of("{\"model_type\": \"gpt2\"}").tied(true)).isTrue();
    }
}
