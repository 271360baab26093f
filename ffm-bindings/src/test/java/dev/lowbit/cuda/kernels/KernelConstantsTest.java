package dev.lowbit.cuda.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Numbers that stand on both sides of a launch. */
class KernelConstantsTest {
    private static final Path SOURCES = Path.of(System.getProperty("lowbit.root"), "ffm-bindings/src/main/cuda");

    @Test
    void launchesAndKernelsAgree() throws IOException {
        assertThat(defined("common.cuh", "STORED_F32")).isEqualTo(FloatStored.F32);
        assertThat(defined("common.cuh", "STORED_F16")).isEqualTo(FloatStored.F16);
        assertThat(defined("common.cuh", "STORED_BF16")).isEqualTo(FloatStored.BF16);
        assertThat(defined("common.cuh", "TWO_LEVELS")).isEqualTo(FloatStored.TWO_LEVELS);
        assertThat(defined("common.cuh", "CHUNK")).isEqualTo(PackedOnDevice.CHUNK);
        assertThat(defined("common.cuh", "MULTIPLY_THREADS")).isEqualTo(PackedOnDevice.MULTIPLY_THREADS);
        assertThat(defined("common.cuh", "ROWS_OF_WARP") * PackedOnDevice.MULTIPLY_THREADS / 32)
                .isEqualTo(PackedOnDevice.ROWS_OF_BLOCK);
        assertThat(defined("common.cuh", "TRANSPOSED_THREADS")).isEqualTo(PackedOnDevice.TRANSPOSED_THREADS);
        assertThat(defined("common.cuh", "TRANSPOSED_ROWS")).isEqualTo(PackedOnDevice.TRANSPOSED_ROWS);
        assertThat(32 * PackedOnDevice.CHUNK).isEqualTo(PackedOnDevice.TRANSPOSED_COLUMNS);
        assertThat(defined("lookup.cuh", "LOOKUP_THREADS")).isEqualTo(Lookup.THREADS);
        assertThat(defined("lookup.cuh", "LOOKUP_SHARED_BYTES")).isEqualTo(Lookup.SHARED_BYTES);
        assertThat(defined("gram.cu", "GRAM_THREADS")).isEqualTo(GramOnDevice.THREADS);
        assertThat(defined("gram.cu", "GRAM_TILE")).isEqualTo(GramOnDevice.TILE);
        assertThat(defined("assign.cu", "ASSIGN_THREADS")).isEqualTo(AssignmentOnDevice.THREADS);
        assertThat(defined("assign.cu", "ASSIGN_FLOATS")).isEqualTo(AssignmentOnDevice.MOST_DIMENSIONS);
    }

    private static int defined(String file, String name) throws IOException {
        Matcher definition =
                Pattern.compile("(?m)^#define " + name + " (\\d+)$").matcher(Files.readString(SOURCES.resolve(file)));
        assertThat(definition.find()).as("%s in %s", name, file).isTrue();
        return Integer.parseInt(definition.group(1));
    }
}
