package dev.lowbit.cuda.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** With NVRTC, from the system or from the redist jar of the profile {@code cuda-redist}; neither needs a GPU. */
class NvrtcTest {
    @TempDir
    private Path folder;

    private static Nvrtc nvrtc() {
        return switch (Nvrtc.find()) {
            case Finding.Found<Nvrtc> found -> found.value();
            case Finding.Absent<Nvrtc> absent -> {
                // The profile that brings it must not pass for want of it.
                assertThat(Boolean.getBoolean("lowbit.nvrtc.required"))
                        .as(absent.reason())
                        .isFalse();
                Assumptions.abort("skipped: " + absent.reason());
                yield null;
            }
        };
    }

    @TestFactory
    Stream<DynamicTest> everyKernelCompilesForEveryTarget() {
        Nvrtc nvrtc = nvrtc();
        return PrebuiltImages.TARGETS.stream()
                .flatMap(target -> KernelSource.NAMES.stream()
                        .map(name -> DynamicTest.dynamicTest(name + " for " + target, () -> {
                            byte[] image = nvrtc.compile(KernelSource.of(name), target);
                            if (target.binary()) {
                                assertThat(image).startsWith(0x7F, 'E', 'L', 'F');
                            } else {
                                assertThat(new String(image, java.nio.charset.StandardCharsets.US_ASCII))
                                        .contains(".target sm_" + target.capability());
                            }
                            assertThat(image[image.length - 1]).isZero();
                        })));
    }

    @Test
    void whatDoesNotCompileSaysWhere() {
        Nvrtc nvrtc = nvrtc();
        KernelSource wrong =
                new KernelSource("wrong.cu", "#include \"a.cuh\"\n__device__ int x = y;\n", Map.of("a.cuh", "\n"));
        assertThatThrownBy(() -> nvrtc.compile(wrong, Target.cubin(90)))
                .isInstanceOf(DeviceException.class)
                .hasMessageStartingWith("NVRTC " + nvrtc.version() + " does not compile wrong.cu for sm_90: ")
                .hasMessageContaining("wrong.cu(2): error: identifier \"y\" is undefined");
    }

    @Test
    void theCompilerWritesItsImageOnceAndReadsItAfterwards() throws IOException {
        Nvrtc nvrtc = nvrtc();
        String name = KernelSource.NAMES.getFirst();
        KernelCompiler compiler = new KernelCompiler(new Finding.Found<>(nvrtc), new CubinCache(folder), 90);
        byte[] image = bytes(compiler, name);
        Path file;
        try (Stream<Path> files = Files.list(folder)) {
            file = files.findFirst().orElseThrow();
        }
        var written = Files.getLastModifiedTime(file);
        assertThat(bytes(compiler, name)).isEqualTo(image);
        assertThat(Files.getLastModifiedTime(file)).isEqualTo(written);
        Files.write(file, new byte[] {1, 2, 3});
        assertThat(bytes(compiler, name)).isEqualTo(image);
        assertThat(Files.size(file)).isGreaterThan(image.length - 2L);
    }

    @Test
    void aDeviceNewerThanTheCompilerGetsPtxAndOneTooOldForItIsNotUsable() {
        KernelCompiler compiler = new KernelCompiler(new Finding.Found<>(nvrtc()), new CubinCache(folder), 999);
        byte[] image = bytes(compiler, KernelSource.NAMES.getFirst());
        assertThat(new String(image, java.nio.charset.StandardCharsets.US_ASCII))
                .contains(".version");
        KernelCompiler old = new KernelCompiler(new Finding.Found<>(nvrtc()), new CubinCache(folder), 10);
        assertThatThrownBy(() -> old.image(KernelSource.NAMES.getFirst()))
                .isInstanceOf(DeviceException.class)
                .hasMessageContaining("compiles for no device as old as compute capability 1.0");
        assertThat(old.find())
                .isInstanceOfSatisfying(
                        Finding.Absent.class,
                        absent -> assertThat(absent.reason())
                                .contains("compiles for no device as old as compute capability 1.0"));
    }

    private static byte[] bytes(KernelCompiler compiler, String name) {
        return compiler.image(name).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }
}
