package dev.lowbit.jobs.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** GPTQ checkpoints read back the plainest way, a bit at a time, and by the NumPy script of the docs. */
class GptqExportTest {
    @TempDir
    private Path folder;

    private Path model;

    @BeforeEach
    void writeModel() throws IOException {
        model = Files.createDirectory(folder.resolve("model"));
        Files.writeString(model.resolve("config.json"), "{\"model_type\": \"other\"}");
        Random random = new Random(3);
        List<SafetensorsWriter.Entry> entries = List.of(
                new SafetensorsWriter.Entry("layers.0.q_proj.weight", DType.F32, List.of(64L, 96L)),
                new SafetensorsWriter.Entry("layers.0.up_proj.weight", DType.F32, List.of(96L, 64L)),
                new SafetensorsWriter.Entry("norm.weight", DType.F32, List.of(64L)));
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(model.resolve("model.safetensors"), Map.of(), entries)) {
            for (SafetensorsWriter.Entry entry : entries) {
                int count = entry.shape().stream().mapToInt(Long::intValue).reduce(1, (a, b) -> a * b);
                ByteBuffer values = ByteBuffer.allocate(4 * count).order(ByteOrder.LITTLE_ENDIAN);
                for (int i = 0; i < count; i++) {
                    // groups of positive weights only, so that zero points of 0 are there
                    double value = i / 32 % 5 == 0 ? 0.1 + random.nextDouble() : random.nextGaussian();
                    values.putFloat((float) value);
                }
                writer.write(MemorySegment.ofArray(values.array()));
            }
            writer.finish();
        }
    }

    private Path compress(String... options) {
        Path out = folder.resolve("compressed");
        Object[] command = new Object[5 + options.length];
        System.arraycopy(new Object[] {"compress", model, "--out", out, "--quiet"}, 0, command, 0, 5);
        System.arraycopy(options, 0, command, 5, options.length);
        Lowbit run = Lowbit.run(command);
        assertThat(run.code()).as(run.err()).isZero();
        return out;
    }

    private static int[] ints(Checkpoint checkpoint, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return checkpoint.map(name, arena).toArray(ValueLayout.JAVA_INT_UNALIGNED);
        }
    }

    private static short[] shorts(Checkpoint checkpoint, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return checkpoint.map(name, arena).toArray(ValueLayout.JAVA_SHORT_UNALIGNED);
        }
    }

    /** The number made of some bits of words that stand {@code stride} apart. */
    private static int bits(int[] words, int first, int stride, int bit, int count) {
        int value = 0;
        for (int k = 0; k < count; k++) {
            int at = bit + k;
            value |= (words[first + at / 32 * stride] >>> at % 32 & 1) << k;
        }
        return value;
    }

    @ParameterizedTest
    @CsvSource({
        "affine4-g32-f16, gptq_v2",
        "affine2-g16-f16, gptq_v2",
        "affine3-row-f16, gptq_v2",
        "affine8-g64-f16-sym, gptq",
        "affine4-g32-f16-sym, gptq",
        "affine2-g32-f16-sym+r2-f16, gptq"
    })
    void wordsHoldOurMatrix(String format, String to) {
        Path compressed = compress("--method", "int2-lrec", "--format", format);
        Path out = folder.resolve("export");
        Lowbit run = Lowbit.run("export", compressed, "--to", to, "--out", out, "--quiet");
        assertThat(run.code()).as(run.err()).isZero();
        assertThat(Files.exists(out.resolve("adapter/adapter_model.safetensors")))
                .isEqualTo(format.contains("+r"));
        int width = format.charAt(6) - '0';
        try (CompressedModel ours = CompressedModel.open(compressed);
                Checkpoint theirs = Checkpoint.open(out)) {
            assertThat(theirs.names()).contains("norm.weight").doesNotContain("layers.0.q_proj.weight");
            for (MatrixEntry entry : ours.manifest().matrices()) {
                String layer = entry.name().replace(".weight", "");
                int[] codes = ints(theirs, layer + ".qweight");
                int[] zeros = ints(theirs, layer + ".qzeros");
                short[] scales = shorts(theirs, layer + ".scales");
                int[] index = ints(theirs, layer + ".g_idx");
                QuantizedMatrix matrix = ours.matrix(entry.name());
                QuantizedMatrix base = matrix instanceof SumMatrix sum ? sum.base() : matrix;
                FloatMatrix expected = FloatMatrix.allocate(entry.rows(), entry.columns());
                base.dequantize(0, expected, Workers.serial());
                int zeroWords = entry.rows() / 32 * width;
                for (int i = 0; i < entry.rows(); i++) {
                    for (int j = 0; j < entry.columns(); j++) {
                        int code = bits(codes, i, entry.rows(), j * width, width);
                        int field = bits(zeros, index[j] * zeroWords, 1, i * width, width);
                        int zero = to.equals("gptq") ? field + 1 : field;
                        float scale = Float.float16ToFloat(scales[index[j] * entry.rows() + i]);
                        assertThat(scale * (code - zero)).isEqualTo(expected.get(i, j));
                    }
                }
            }
        }
    }

    @Test
    void theNumpyScriptReadsTheSame() throws Exception {
        boolean python = run("python3", "-c", "import numpy") == 0;
        if (!python) {
            System.out.println("skipped: python3 with numpy is not here, docs/formats/gptq_decode.py was not run");
        }
        assumeTrue(python, "python3 with numpy");
        Path compressed = compress("--method", "int2-lrec", "--format", "affine3-g32-f16");
        Path floats = folder.resolve("floats");
        Path out = folder.resolve("export");
        assertThat(Lowbit.run("export", compressed, "--to", "safetensors", "--out", floats, "--quiet")
                        .code())
                .isZero();
        assertThat(Lowbit.run("export", compressed, "--to", "gptq_v2", "--out", out, "--quiet")
                        .code())
                .isZero();
        Path script = Path.of(System.getProperty("lowbit.root", "..")).resolve("docs/formats/gptq_decode.py");
        assertThat(run("python3", script.toString(), out.toString(), "--compare", floats.toString()))
                .isZero();
    }

    private static int run(String... command) throws IOException, InterruptedException {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            if (process.exitValue() != 0) {
                System.out.println(output);
            }
            return process.exitValue();
        } catch (IOException e) {
            return -1;
        }
    }

    @ParameterizedTest
    @CsvSource({
        "lq-lora, --format nf3-g64-f16, gptq, integers on affine grids",
        "int2-lrec, --format affine4-g32-s4x64-bf16, gptq, scales in f16",
        "int2-lrec, --format affine5-g32-f16, gptq_v2, '2, 3, 4 or 8 bits'",
        "int2-lrec, --format affine2-g32-f16, gptq, export --to gptq_v2",
        "int2-lrec, --bits 3.2, gptq, 'affine4-g128-f16'"
    })
    void whatCannotBeHeldIsRefused(String method, String budget, String to, String reason) {
        String[] parts = budget.split(" ");
        Path compressed = compress("--method", method, parts[0], parts[1]);
        Path out = folder.resolve("export");
        Lowbit run = Lowbit.run("export", compressed, "--to", to, "--out", out);
        assertThat(run.code()).as(run.err()).isEqualTo(5);
        assertThat(run.err()).contains(reason);
        assertThat(out).doesNotExist();
    }
}
