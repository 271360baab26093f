package dev.lowbit.cuda.compile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Without NVRTC. */
class KernelCompilerTest {
    @TempDir
    private Path folder;

    private KernelCompiler compiler(int capability) {
        return new KernelCompiler(new Finding.Absent<>("no NVRTC here"), new CubinCache(folder), capability);
    }

    @Test
    void prebuiltKernelsServeWhereThereAreSomeAndTheRestIsASentence() {
        String name = KernelSource.NAMES.getFirst();
        // 7.5 is older than any target: no build has kernels for it.
        assertThatThrownBy(() -> compiler(75).image(name))
                .isInstanceOf(DeviceException.class)
                .hasMessage("no " + name
                        + " for compute capability 7.5: no NVRTC here, or build Lowbit with -Pcuda-prebuilt");
        assertThat(compiler(75).find())
                .isEqualTo(new Finding.Absent<>("no NVRTC here, or build Lowbit with -Pcuda-prebuilt"));
        for (int capability : new int[] {80, 86, 90, 100, 120}) {
            switch (compiler(capability).find()) {
                case Finding.Found<String> found -> {
                    byte[] image = compiler(capability).image(name).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
                    assertThat(image)
                            .startsWith(capability == 120 ? new byte[] {'/'} : new byte[] {0x7F, 'E', 'L', 'F'});
                }
                case Finding.Absent<String> absent ->
                    assertThatThrownBy(() -> compiler(capability).image(name)).isInstanceOf(DeviceException.class);
            }
        }
    }
}
