package dev.lowbit.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.device.Finding;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class DriverTest {
    @AfterEach
    void forget() {
        // Nothing to forget where nothing was compiled.
        if (compiled) {
            FakeCuda.reset();
        }
    }

    private boolean compiled;

    private String fake() {
        String file = FakeCuda.libraryFile().toString();
        compiled = true;
        FakeCuda.reset();
        return file;
    }

    @Test
    void anAbsentDriverIsASentence() {
        assertThat(reason("libnothing-of-that-name.so.1"))
                .isEqualTo(
                        "no NVIDIA driver (libnothing-of-that-name.so.1) on this machine; install one for CUDA 12 or newer");
    }

    @Test
    void aLibraryThatIsNoDriverIsASentence() {
        assertThat(reason("libm.so.6"))
                .isEqualTo(
                        "the NVIDIA driver (libm.so.6) is too old: it has no cuGetErrorName; install one for CUDA 12 or"
                                + " newer");
    }

    @Test
    void aDriverWithoutDeviceIsASentence() {
        String file = fake();
        FakeCuda.setInitStatus(Status.NO_DEVICE);
        assertThat(reason(file))
                .isEqualTo(
                        "the NVIDIA driver (" + file
                                + ") has no usable device: CUDA_ERROR_NO_DEVICE (said by the fake driver); see what nvidia-smi says");
        FakeCuda.reset();
        FakeCuda.setDevices(0);
        assertThat(reason(file)).isEqualTo("the NVIDIA driver (" + file + ") sees no device; see what nvidia-smi says");
    }

    @Test
    void aDriverTellsWhatItHas() {
        Driver driver = ((Finding.Found<Driver>) Driver.find(fake())).value();
        assertThat(driver.version()).isEqualTo(12090);
        assertThat(driver.devices()).isEqualTo(1);
        assertThat(driver.deviceName(0)).isEqualTo("fake device");
        assertThat(driver.deviceMemory(0)).isEqualTo(1L << 30);
        assertThat(driver.computeCapability(0)).isEqualTo(90);
    }

    private static String reason(String library) {
        return ((Finding.Absent<Driver>) Driver.find(library)).reason();
    }
}
