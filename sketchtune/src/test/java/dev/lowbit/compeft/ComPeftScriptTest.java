package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.NumpyScript;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The NumPy script in docs/ must read what we write: it stands for every other reader of the format. */
class ComPeftScriptTest {
    @TempDir
    private Path folder;

    private static CompressedUpdate update(ComPeftSettings settings) {
        return ComPeft.compress(
                List.of(
                        Updates.tensor("b.lora_B", DType.F32, List.of(90L, 100L), Updates.gaussian(1, 9000)),
                        Updates.tensor("a.lora_Ä", DType.F16, List.of(3L, 1L, 7L), Updates.gaussian(2, 21)),
                        Updates.tensor("c", DType.BF16, List.of(0L), new double[0]),
                        Updates.tensor("d", DType.F64, List.of(), -0.75),
                        Updates.tensor("zeros", DType.F32, List.of(5L), new double[5])),
                settings,
                Workers.serial());
    }

    private Path write(CompressedUpdate update) {
        Path file = folder.resolve("update.compeft");
        UpdateFile.write(file, update);
        return file;
    }

    /** Every tensor as we decode it; if {@code altered}, the first of all numbers is another one. */
    private Path export(CompressedUpdate update, boolean altered) {
        List<SafetensorsWriter.Entry> entries = update.tensors().stream()
                .map(tensor -> new SafetensorsWriter.Entry(tensor.name(), DType.F32, tensor.shape()))
                .toList();
        Path file = folder.resolve("decoded.safetensors");
        try (SafetensorsWriter writer = SafetensorsWriter.create(file, Map.of(), entries)) {
            for (TernaryTensor tensor : update.tensors()) {
                float[] values = Updates.decode(tensor);
                if (altered && tensor == update.tensors().getFirst()) {
                    values[0]++;
                }
                writer.write(MemorySegment.ofArray(values));
            }
            return writer.finish();
        }
    }

    @ParameterizedTest
    @CsvSource({"RICE, GLOBAL, 0.05, 0", "MASK_AND_SIGNS, PER_TENSOR, 0.3, 0", "TWO_MASKS, GLOBAL, 0.1, 1"})
    void itReadsTheSameNumbers(TernaryCode code, Granularity granularity, double density, int bad)
            throws IOException, InterruptedException {
        CompressedUpdate update = update(ComPeftSettings.of(density).with(code).with(granularity));
        NumpyScript.Run run = NumpyScript.run(
                "compeft_decode.py",
                write(update).toString(),
                "--compare",
                export(update, bad > 0).toString());
        assertThat(run.output()).contains("5 tensors, " + bad + " bad");
        assertThat(run.exitCode()).isEqualTo(bad);
    }
}
