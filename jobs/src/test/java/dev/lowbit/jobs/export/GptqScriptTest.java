package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.NumpyScript;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The NumPy script in docs/ must read what we export: it stands for every reader of the exchange layout. */
class GptqScriptTest {
    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({
        "llama, affine2-g16-f16-sym, gptq",
        "llama, affine2-row-f16, gptq-v2",
        "llama, affine3-g32-f16, gptq-v2",
        "llama, affine3-g32-f16-sym, gptq",
        "gpt2, affine4-g32-f16, gptq",
        "llama, affine4-g40-f16+r2-nf8, gptq-v2",
        "gpt2, affine8-row-f16, gptq"
    })
    void itReadsTheSameNumbers(String kind, String format, String to) throws IOException, InterruptedException {
        Path source = folder.resolve("source");
        Path model = SampleModels.affine(
                kind.equals("llama") ? SampleModels.evenLlama(source) : SampleModels.gpt2(source, 64, 192),
                folder.resolve("compressed"),
                format);
        Path out = folder.resolve("gptq");
        assertThat(Lowbit.run("export", model, "--to", to, "--out", out, "--quiet")
                        .code())
                .isZero();
        // without the correction, where there is one
        String plain = format.contains("+r") ? "peft" : "safetensors";
        assertThat(Lowbit.run("export", model, "--to", plain, "--out", folder.resolve("plain"), "--quiet")
                        .code())
                .isZero();
        Path dense = plain.equals("peft") ? folder.resolve("plain").resolve("base") : folder.resolve("plain");
        int layers = kind.equals("llama") ? 14 : 4;
        NumpyScript.Run good = NumpyScript.run("gptq_decode.py", out.toString(), "--compare", dense.toString());
        assertThat(good.output()).contains(layers + " layers, 0 bad");
        assertThat(good.exitCode()).isZero();

        try (Checkpoint exported = Checkpoint.open(out)) {
            String name = exported.names().stream()
                    .filter(tensor -> tensor.endsWith(".qweight"))
                    .findFirst()
                    .orElseThrow();
            Path file = exported.info(name).file();
            long offset = exported.info(name).offsetBytes();
            try (RandomAccessFile bytes = new RandomAccessFile(file.toFile(), "rw")) {
                bytes.seek(offset);
                int first = bytes.read();
                bytes.seek(offset);
                bytes.write(first ^ 1);
            }
        }
        NumpyScript.Run bad = NumpyScript.run("gptq_decode.py", out.toString(), "--compare", dense.toString());
        assertThat(bad.exitCode()).isEqualTo(1);
        assertThat(bad.output()).contains(layers + " layers, 1 bad");
    }
}
