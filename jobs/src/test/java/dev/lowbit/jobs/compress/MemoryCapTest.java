package dev.lowbit.jobs.compress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.store.Verifier;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A checkpoint larger than the cap is compressed with a peak below the cap; jobs/benchmarks/memory-4gb.sh is its big brother. */
class MemoryCapTest {
    private static final long CAP = 240L << 20;
    private static final int MATRICES = 2;
    private static final int ROWS = 512;
    private static final int COLUMNS = 1024;
    private static final long VOCABULARY = 78_000;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @CsvSource({"lq-lora, 64", "int2-lrec, 64", "sketchtune, 1024"})
    @EnabledOnOs(OS.LINUX)
    void aCheckpointLargerThanTheCap(String method, String group) throws IOException {
        Path model = folder.resolve("model");
        write(Files.createDirectory(model));
        assertThat(Jobs.bytes(model)).isGreaterThan(CAP + (CAP >> 2));
        Path output = folder.resolve("output");
        Path log = folder.resolve("log");
        List<String> args = List.of(
                "compress",
                model.toString(),
                "--out",
                output.toString(),
                "--method",
                method,
                "--bits",
                "3",
                "--rank",
                "0",
                "--group",
                group,
                "--memory",
                Long.toString(CAP),
                "--threads",
                "2",
                "--quiet",
                "--json");
        int code = ChildJvm.run(log, ChildJvm.heapUnder(CAP >> 20, !method.equals("lq-lora")), args);
        String text = Files.readString(log);
        assertThat(code).as(text).isZero();
        // the JVM warns on stderr about its incubator module
        Map<String, Object> result = StrictJson.parseObject(log, text.substring(text.indexOf('{')), Limits.defaults());
        System.out.println(method + ": peak " + result.get("peakMemoryBytes") + " of " + CAP);
        assertThat((Long) result.get("peakMemoryBytes")).isPositive().isLessThan(CAP);
        assertThat(Verifier.verify(output)).isEmpty();
    }

    /** A method that works on the heap says so before it starts, instead of dying of it. */
    @Test
    void aHeapThatIsTooSmallIsRefused() throws IOException {
        Path model = folder.resolve("model");
        write(Files.createDirectory(model));
        Path log = folder.resolve("log");
        List<String> args = List.of(
                "compress",
                model.toString(),
                "--out",
                folder.resolve("output").toString(),
                "--method",
                "pv-tuning",
                "--bits",
                "3",
                "--quiet");
        int code = ChildJvm.run(log, List.of("-Xmx96m"), args);
        assertThat(code).isEqualTo(ExitCodes.IMPOSSIBLE);
        assertThat(Files.readString(log))
                .contains("of Java heap for layers.0.up_proj.weight")
                .contains("-Xmx");
        assertThat(folder.resolve("output")).doesNotExist();
        assertThat(folder.resolve("output.partial")).doesNotExist();
    }

    /** An embedding of zeros that is only copied, and matrices of the same random values. */
    private static void write(Path directory) {
        List<SafetensorsWriter.Entry> entries = new ArrayList<>();
        entries.add(new SafetensorsWriter.Entry("embed_tokens.weight", DType.F32, List.of(VOCABULARY, (long) COLUMNS)));
        for (int i = 0; i < MATRICES; i++) {
            entries.add(new SafetensorsWriter.Entry(
                    "layers." + i + ".up_proj.weight", DType.F32, List.of((long) ROWS, (long) COLUMNS)));
        }
        try (SafetensorsWriter writer =
                SafetensorsWriter.create(directory.resolve("model.safetensors"), Map.of(), entries)) {
            ByteBuffer row = ByteBuffer.allocate(COLUMNS * Float.BYTES);
            for (long i = 0; i < VOCABULARY; i++) {
                writer.write(row.clear());
            }
            ByteBuffer matrix = random();
            for (int i = 0; i < MATRICES; i++) {
                writer.write(matrix.clear());
            }
            writer.finish();
        }
    }

    private static ByteBuffer random() {
        ByteBuffer matrix = ByteBuffer.allocate(ROWS * COLUMNS * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        Random random = new Random(1);
        while (matrix.hasRemaining()) {
            matrix.putFloat((float) random.nextGaussian());
        }
        return matrix;
    }
}
