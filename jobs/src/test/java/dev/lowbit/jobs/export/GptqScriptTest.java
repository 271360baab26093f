package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.NumpyScript;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.SampleModels;
import dev.lowbit.store.ConfigFile;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
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

    /** As of lowbit import: what config.json says counts, and the file beside it where that says nothing. */
    @Test
    void configJsonCountsBeforeQuantizeConfigJson() throws IOException, InterruptedException {
        Path model = SampleModels.affine(
                SampleModels.evenLlama(folder.resolve("source")), folder.resolve("compressed"), "affine4-g32-f16");
        Path out = folder.resolve("gptq");
        Path plain = folder.resolve("plain");
        for (String[] export : new String[][] {{"gptq-v2", out.toString()}, {"safetensors", plain.toString()}}) {
            assertThat(Lowbit.run("export", model, "--to", export[0], "--out", export[1], "--quiet")
                            .code())
                    .isZero();
        }
        Path other = out.resolve("quantize_config.json");
        String right = Files.readString(other);
        Files.writeString(other, right.replace("gptq_v2", "gptq"));
        assertThat(Files.readString(other)).isNotEqualTo(right);
        NumpyScript.Run run = NumpyScript.run("gptq_decode.py", out.toString(), "--compare", plain.toString());
        assertThat(run.output()).contains("14 layers, 0 bad");

        Path config = out.resolve("config.json");
        Files.write(config, ConfigFile.withoutQuantization(Files.readAllBytes(config)));
        Files.writeString(other, right);
        run = NumpyScript.run("gptq_decode.py", out.toString(), "--compare", plain.toString());
        assertThat(run.output()).contains("14 layers, 0 bad");
    }
}
