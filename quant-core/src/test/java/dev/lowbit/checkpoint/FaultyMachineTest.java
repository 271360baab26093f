package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.checkpoint.SafetensorsWriter.Entry;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What only another process can show: no room on the disk, foreign locales, little memory. */
class FaultyMachineTest {
    private static final int MATRICES = 12;
    private static final long ROWS = 4096;
    private static final long COLUMNS = 2048;

    @TempDir
    Path path;

    @Test
    void r1AFullDiskIsATypedErrorAndLeavesNothing() throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "needs a shell with ulimit");
        // no file beyond 1 MiB: the same failing write that a full disk gives
        List<String> limit = List.of("/bin/bash", "-c", "ulimit -f 1024; exec \"$0\" \"$@\"");
        ChildJvm.Result result = ChildJvm.run(limit, List.of("-Xmx64m"), FullDiskMain.class, path.toString());
        assertThat(result.lines())
                .as(result.text())
                .containsExactly("writer UncheckedIOException", "atomic UncheckedIOException");
        try (var files = Files.list(path)) {
            assertThat(files).isEmpty();
        }
    }

    @Test
    void abandonedTemporariesAreGoneAndNeverGetAName() throws Exception {
        ChildJvm.Result result = ChildJvm.run(List.of(), AbandonMain.class, path.toString());
        assertThat(result.lines()).as(result.text()).containsExactly("waits: true");
        try (var files = Files.list(path)) {
            assertThat(files).containsExactly(path.resolve("finished"));
        }
    }

    @Test
    void r8LocalesAndCharsetsChangeNothing() throws Exception {
        List<List<String>> machines = List.of(
                List.of("-Duser.language=en", "-Duser.country=US"),
                List.of("-Duser.language=tr", "-Duser.country=TR", "-Dfile.encoding=COMPAT"),
                List.of("-Duser.language=ar", "-Duser.country=EG", "-Duser.extensions=u-nu-arab"),
                List.of("-Duser.language=th", "-Duser.country=TH", "-Duser.extensions=u-nu-thai"));
        List<String> outputs = new ArrayList<>();
        for (List<String> flags : machines) {
            outputs.add(ChildJvm.run(flags, LocaleMain.class, path.toString()).text());
        }
        assertThat(outputs.getFirst()).hasLineCount(3).contains("BAD_JSON at byte");
        assertThat(outputs).allMatch(outputs.getFirst()::equals);
    }

    @Test
    void aMissingVectorModuleIsNamed() throws Exception {
        new Folder(path).shard("model.safetensors", "t");
        ChildJvm.Result result = ChildJvm.runWithoutVectors(List.of(), List.of(), ReadMain.class, path.toString());
        assertThat(result.lines()).as(result.text()).hasSize(1);
        assertThat(result.text()).contains("start java with --add-modules jdk.incubator.vector");
    }

    /** A vector load beyond the end of a truncated file would end the JVM, once it is compiled. */
    @ParameterizedTest
    @ValueSource(strings = {"F16", "BF16"})
    void i17ConversionsOfATruncatedFileAreItsFault(String type) throws Exception {
        ChildJvm.Result result = ChildJvm.run(
                List.of("-Xbatch", "-XX:-CreateCoredumpOnCrash"),
                TruncatedMain.class,
                path.resolve("model.safetensors").toString(),
                type);
        assertThat(result.lines()).as(result.text()).containsExactly("FILE_CHANGED");
        assertThat(result.exitCode()).isZero();
    }

    @Test
    void r7ReadingCostsOneMatrixNotTheModel() throws Exception {
        assumeTrue(Files.exists(Path.of("/proc/self/status")), "needs VmHWM");
        long bytes = sparseModel();
        ChildJvm.Result result =
                ChildJvm.run(List.of("-Xmx64m", "-Xshare:auto"), PeakMemoryMain.class, path.toString());
        assertThat(result.exitCode()).as(result.text()).isZero();
        String[] kilobytes = result.text().split(" ");
        long before = Long.parseLong(kilobytes[0]) << 10;
        long after = Long.parseLong(kilobytes[1]) << 10;
        // one float matrix (32 MiB), its band and one window (8 MiB each), the heap and compiled code
        assertThat(after - before)
                .as("growth while reading " + bytes + " bytes")
                .isLessThan(112L << 20);
    }

    /** BF16 matrices of 16 MiB each, all zero and so not on the disk. */
    private long sparseModel() throws IOException {
        StringBuilder json = new StringBuilder("{");
        long size = ROWS * COLUMNS * 2;
        for (int i = 0; i < MATRICES; i++) {
            json.append(i == 0 ? "" : ",").append("\"m").append(i).append("\":{\"dtype\":\"BF16\",\"shape\":[");
            json.append(ROWS).append(',').append(COLUMNS).append("],\"data_offsets\":[");
            json.append(i * size).append(',').append((i + 1) * size).append("]}");
        }
        byte[] header = json.append('}').toString().getBytes(StandardCharsets.UTF_8);
        try (RandomAccessFile out =
                new RandomAccessFile(path.resolve("model.safetensors").toFile(), "rw")) {
            out.writeLong(Long.reverseBytes(header.length));
            out.write(header);
            out.setLength(8 + header.length + MATRICES * size);
        }
        return MATRICES * size;
    }

    static Entry large() {
        return new Entry("t", DType.F32, List.of(1L << 20));
    }
}
