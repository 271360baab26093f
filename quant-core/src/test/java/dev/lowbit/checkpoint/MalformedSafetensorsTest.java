package dev.lowbit.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import dev.lowbit.checkpoint.SafetensorsCases.Case;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every safetensors case on both read paths, each within ten seconds; then all of them, those with a large header too, in a
 * JVM with little heap.
 */
class MalformedSafetensorsTest {
    private static final Duration LIMIT = Duration.ofSeconds(10);

    static Stream<Arguments> casesAndPaths() {
        return SafetensorsCases.all().stream()
                .filter(c -> !c.large())
                .flatMap(c -> Stream.of(ReadPath.values()).map(path -> Arguments.of(c, path)));
    }

    @ParameterizedTest
    @MethodSource("casesAndPaths")
    void behavesAsWritten(Case c, ReadPath path, @TempDir Path folder) {
        Path file = c.write(folder);
        Throwable thrown = assertTimeoutPreemptively(LIMIT, () -> catchThrowable(() -> path.list(file, c.limits())));
        if (c.reason() == null) {
            assertThat(thrown).isNull();
            return;
        }
        assertThat(thrown).isInstanceOf(MalformedFileException.class);
        MalformedFileException refused = (MalformedFileException) thrown;
        assertThat(refused.reason()).isEqualTo(c.reason());
        assertThat(refused.file()).isEqualTo(file);
        assertThat(refused.byteOffset()).isBetween(-1L, file.toFile().length());
        assertThat(refused).hasMessageStartingWith(file + ": ").hasMessageContaining(c.message());
        assertThat(refused.getMessage().lines()).as("one line").hasSize(1);
        assertThat(refused.getMessage().length())
                .as("short enough to read")
                .isLessThan(file.toString().length() + 400);
    }

    @ParameterizedTest
    @MethodSource("heaps")
    void aSmallHeapIsEnough(int heapMegabytes, boolean large, @TempDir Path folder) throws Exception {
        List<String> expected = new ArrayList<>();
        for (Case c : SafetensorsCases.all()) {
            if (c.large() != large) {
                continue;
            }
            c.write(folder);
            for (ReadPath path : ReadPath.values()) {
                expected.add(c.id() + " " + path + " " + (c.reason() == null ? "accepted" : c.reason()));
            }
        }
        ChildJvm.Result result =
                ChildJvm.run(List.of("-Xmx" + heapMegabytes + "m"), SmallHeapMain.class, folder.toString());
        assertThat(result.lines()).as(result.text()).isEqualTo(expected);
        assertThat(result.exitCode()).isZero();
    }

    static Stream<Arguments> heaps() {
        return Stream.of(Arguments.of(64, false), Arguments.of(512, true));
    }

    @Test
    void anUnknownFieldIsReportedOnce(@TempDir Path folder) {
        Case c = SafetensorsCases.all().stream()
                .filter(s -> s.id().equals("S44"))
                .findFirst()
                .orElseThrow();
        try (SafetensorsFile file = SafetensorsFile.open(c.write(folder), Limits.defaults())) {
            assertThat(file.warnings()).singleElement().asString().contains("1 unknown fields");
        }
    }

    @Test
    void aFolderOrDeviceIsNotRead(@TempDir Path folder) {
        assertThat(catchThrowable(() -> SafetensorsFile.open(folder, Limits.defaults())))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("not a regular file");
        Path device = Path.of("/dev/zero");
        if (Files.exists(device)) {
            assertThat(catchThrowable(() -> SafetensorsFile.open(device, Limits.defaults())))
                    .isInstanceOf(MalformedFileException.class);
        }
    }
}
