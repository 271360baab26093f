package dev.lowbit.store;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class FloatModelTest {
    @TempDir
    private Path folder;

    private void weights(DType type, String... names) {
        List<SafetensorsWriter.Entry> entries = List.of(names).stream()
                .map(name -> new SafetensorsWriter.Entry(name, type, List.of(2L, 2L)))
                .toList();
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(folder.resolve("model.safetensors"), Map.of(), entries)) {
            entries.forEach(entry -> writer.write(MemorySegment.ofArray(new byte[(int) entry.bytes()])));
            writer.finish();
        }
    }

    private void require() {
        try (Checkpoint checkpoint = Checkpoint.open(folder)) {
            FloatModel.require(checkpoint);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "{\"quantization_config\": null}", "{\"a\": {\"quantization_config\": {}}}"})
    void floatsAreFloats(String config) throws IOException {
        weights(DType.F8_E4M3, "a.weight", "a.weight_scaled", "b_scale");
        assertThatCode(this::require).doesNotThrowAnyException();
        Files.writeString(folder.resolve("config.json"), config);
        assertThatCode(this::require).doesNotThrowAnyException();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "{\"quant_method\": \"fp8\"} | (fp8)",
                "{\"quant_method\": \"gptq\"} | lowbit import",
                "{\"bits\": 4} | (unnamed)",
                "\"text\" | (unnamed)"
            })
    void anotherProgramsQuantizationIsUnsupported(String block, String says) throws IOException {
        weights(DType.F32, "a.weight");
        Files.writeString(folder.resolve("config.json"), "{\"quantization_config\": " + block + "}");
        assertThat(catchThrowable(this::require))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining(says)
                .hasMessageNotContaining("\n");
    }

    @ParameterizedTest
    @CsvSource({"F8_E4M3, _scale_inv", "F8_E5M2, _scale"})
    void scalesBesideBytesAreUnsupported(DType type, String suffix) {
        weights(type, "a.weight", "a.weight" + suffix);
        assertThat(catchThrowable(this::require))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessageContaining("a.weight" + suffix);
    }

    @Test
    void ourOwnWithoutItsManifestIsMalformed() throws IOException {
        weights(DType.F32, "a.weight");
        Files.writeString(folder.resolve("config.json"), "{\"quantization_config\": {\"quant_method\": \"lowbit\"}}");
        assertThat(catchThrowable(this::require))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining(Manifest.FILE);
    }
}
