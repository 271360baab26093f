package dev.lowbit.cuda.compile;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CubinCacheTest {
    private static final KernelSource SOURCE =
            new KernelSource("a.cu", "#include \"a.cuh\"\n", Map.of("a.cuh", "int a;\n"));
    private static final Target TARGET = Target.cubin(90);
    private static final byte[] IMAGE = {1, 2, 3, 4, 5};

    @TempDir
    private Path folder;

    @Test
    void whatIsStoredIsFoundForTheSameSourceTargetAndCompilerOnly() {
        CubinCache cache = new CubinCache(folder.resolve("made/later"));
        assertThat(cache.read(SOURCE, TARGET, "12.9")).isEmpty();
        cache.write(SOURCE, TARGET, "12.9", IMAGE);
        assertThat(cache.read(SOURCE, TARGET, "12.9")).contains(IMAGE);
        assertThat(cache.read(SOURCE, TARGET, "13.0")).isEmpty();
        assertThat(cache.read(SOURCE, Target.ptx(90), "12.9")).isEmpty();
        assertThat(cache.read(SOURCE, Target.cubin(80), "12.9")).isEmpty();
        KernelSource otherHeader = new KernelSource("a.cu", SOURCE.text(), Map.of("a.cuh", "int b;\n"));
        assertThat(cache.read(otherHeader, TARGET, "12.9")).isEmpty();
        cache.write(SOURCE, TARGET, "12.9", new byte[] {9});
        assertThat(cache.read(SOURCE, TARGET, "12.9")).contains(new byte[] {9});
    }

    @Test
    void aDamagedEntryIsNone() throws IOException {
        CubinCache cache = new CubinCache(folder);
        cache.write(SOURCE, TARGET, "12.9", IMAGE);
        Path file = onlyFile();
        byte[] whole = Files.readAllBytes(file);
        for (int i = 0; i < whole.length; i++) {
            byte[] damaged = whole.clone();
            damaged[i] ^= 1;
            Files.write(file, damaged);
            assertThat(cache.read(SOURCE, TARGET, "12.9")).as("byte %d", i).isEmpty();
        }
        for (int length = 0; length < whole.length; length++) {
            Files.write(file, java.util.Arrays.copyOf(whole, length));
            assertThat(cache.read(SOURCE, TARGET, "12.9"))
                    .as("%d bytes", length)
                    .isEmpty();
        }
    }

    @Test
    void aFolderThatCannotBeWrittenLeavesTheCacheEmpty() throws IOException {
        Path file = Files.createFile(folder.resolve("a-file"));
        CubinCache cache = new CubinCache(file);
        cache.write(SOURCE, TARGET, "12.9", IMAGE);
        assertThat(cache.read(SOURCE, TARGET, "12.9")).isEmpty();
        assertThat(file).isEmptyFile();
    }

    private Path onlyFile() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> all = files.toList();
            assertThat(all).hasSize(1);
            return all.getFirst();
        }
    }
}
