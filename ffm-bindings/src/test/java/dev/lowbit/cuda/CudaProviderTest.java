package dev.lowbit.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.device.Devices;
import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import dev.lowbit.error.InvalidRequestException;
import org.junit.jupiter.api.Test;

class CudaProviderTest {
    @Test
    void theServiceLoaderFindsIt() {
        assertThat(Devices.named("cuda")).isInstanceOf(CudaProvider.class);
        assertThatThrownBy(() -> Devices.named("abacus"))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageStartingWith("--device abacus: choose cpu or cuda");
    }

    @Test
    void withoutADriverItSaysSoAndOpensNothing() {
        CudaProvider provider = new CudaProvider("libnothing-of-that-name.so.1");
        String reason = ((Finding.Absent<String>) provider.find()).reason();
        assertThat(reason).startsWith("no NVIDIA driver (libnothing-of-that-name.so.1) on this machine");
        assertThatThrownBy(provider::open).isInstanceOf(DeviceException.class).hasMessage(reason);
    }

    @Test
    void aDeviceIsDescribedWithWhereItsKernelsComeFrom() {
        CudaProvider provider = new CudaProvider(FakeCuda.libraryFile().toString());
        FakeCuda.reset();
        String hardware = "fake device (compute capability 9.0, 1.1 GB, driver for CUDA 12.9)";
        switch (provider.find()) {
            case Finding.Found<String> found -> {
                assertThat(found.value()).startsWith(hardware + ", kernels from ");
                provider.open().close();
            }
            case Finding.Absent<String> absent ->
                assertThat(absent.reason())
                        .startsWith(hardware + " has no kernels to run: no NVRTC ")
                        .endsWith("or build Lowbit with -Pcuda-prebuilt");
        }
        assertThat(FakeCuda.contexts()).isZero();
    }
}
