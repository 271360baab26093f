package dev.lowbit.cuda.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

class KernelSourceTest {
    @Test
    void allFilesOfKernelsAreListed() throws IOException {
        try (Stream<Path> files =
                Files.list(Path.of(System.getProperty("lowbit.root"), "ffm-bindings/src/main/cuda"))) {
            List<String> names = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".cu"))
                    .sorted()
                    .toList();
            assertThat(KernelSource.NAMES).isEqualTo(names);
        }
    }

    @Test
    void aSourceComesWithAllThatItIncludes() {
        for (String name : KernelSource.NAMES) {
            KernelSource source = KernelSource.of(name);
            assertThat(source.headers()).as(name).containsKey("common.cuh");
            // The run-time compiler has no files: what is included must travel along.
            assertThat(source.digests()).hasSize(1 + source.headers().size());
        }
        assertThatThrownBy(() -> KernelSource.of("none.cu")).hasMessage("this program has no file of kernels none.cu");
    }
}
