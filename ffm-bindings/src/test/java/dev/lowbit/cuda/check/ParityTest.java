package dev.lowbit.cuda.check;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.cuda.FakeCuda;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The kernels' own source, run on the CPU, against the scalar reference: what the check runs on a GPU. */
class ParityTest {
    private static FakeCuda fake;
    private static CudaDevice device;

    @BeforeAll
    static void open() {
        fake = FakeCuda.open();
        device = new CudaDevice(fake.cuda(), FakeCuda.images(), "fake device");
    }

    @AfterAll
    static void close() {
        if (fake != null) {
            fake.close();
        }
    }

    static List<ParityCase> cases() {
        return ParityCases.all();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void staysWithinItsBound(ParityCase parity) {
        double error = parity.run(device);
        assertThat(error).as(parity.name()).isLessThanOrEqualTo(1);
    }
}
