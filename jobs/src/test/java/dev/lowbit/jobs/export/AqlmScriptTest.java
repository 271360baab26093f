package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.NumpyScript;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.AdditiveModels;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The NumPy script in docs/ must read what we export: it stands for every reader of the exchange layout. */
class AqlmScriptTest {
    @TempDir
    private Path folder;

    private Path export(Path model, String to, String out) {
        Lowbit run = Lowbit.run("export", model, "--to", to, "--out", folder.resolve(out), "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        return folder.resolve(out);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "aq1x1-g8-row-f16",
                "aq2x4-g8o2-row-f16",
                "aq3x8-g4-row-f16",
                "aq2x9-g8-row-f16",
                "aq1x12-g4o2-row-bf16",
                "aq2x7-g8-row-s4x64-bf16"
            })
    void itReadsTheSameNumbers(String format) throws IOException, InterruptedException {
        Path source = SampleModels.evenLlama(folder.resolve("source"));
        Path exported = export(AdditiveModels.write(source, folder.resolve("compressed"), format), "aqlm", "aqlm");
        // the import has the scales as they were written, rounded where the model's are not F16
        Path back = folder.resolve("back");
        assertThat(Lowbit.run("import", exported, "--out", back, "--quiet").code())
                .isZero();
        Path dense = export(back, "safetensors", "dense");
        NumpyScript.Run good = NumpyScript.run("aqlm_decode.py", exported.toString(), "--compare", dense.toString());
        assertThat(good.output()).contains("14 layers, 0 bad");
        assertThat(good.exitCode()).isZero();

        try (Checkpoint checkpoint = Checkpoint.open(exported)) {
            String name = checkpoint.names().stream()
                    .filter(tensor -> tensor.endsWith(".codes"))
                    .findFirst()
                    .orElseThrow();
            long offset = checkpoint.info(name).offsetBytes();
            try (RandomAccessFile bytes =
                    new RandomAccessFile(checkpoint.info(name).file().toFile(), "rw")) {
                bytes.seek(offset);
                int first = bytes.read();
                bytes.seek(offset);
                bytes.write(first ^ 1);
            }
        }
        NumpyScript.Run bad = NumpyScript.run("aqlm_decode.py", exported.toString(), "--compare", dense.toString());
        assertThat(bad.exitCode()).isEqualTo(1);
        assertThat(bad.output()).contains("14 layers, 1 bad");
    }
}
