package dev.lowbit.cuda.check;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceMatrix;
import dev.lowbit.error.DeviceException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** The life of placed matrices. */
class CudaDeviceTest {
    private static final int LIVES = 10_000;

    /** Lives until the JVM has compiled what it will and its heap has its size. */
    private static final int WARM_UP = 20_000;

    private final QuantizedMatrix host = Samples.matrix("nf4-g32-f16", 7, 64, false);
    private final FloatMatrix x = Samples.normal(2, 64, 1);

    private static CudaDevice device(FakeCuda fake) {
        return new CudaDevice(fake.cuda(), FakeCuda.images(), "fake device");
    }

    private float[] product(QuantizedMatrix matrix) {
        float[] y = new float[2 * matrix.rows()];
        matrix.multiply(x, FloatMatrix.wrap(2, matrix.rows(), y), Workers.serial());
        return y;
    }

    @Test
    void manyLivesLeaveNothingOnDeviceOrHost() throws IOException {
        try (FakeCuda fake = FakeCuda.open()) {
            Device device = device(fake);
            float[] first = null;
            long deviceBytes = 0;
            long hostBytes = 0;
            for (int life = 0; life < WARM_UP + LIVES; life++) {
                try (DeviceMatrix placed = device.place(host)) {
                    float[] y = product(placed);
                    first = first == null ? y : first;
                    assertThat(y).isEqualTo(first);
                }
                if (life == 0) {
                    deviceBytes = FakeCuda.liveBytes(); // scratch that all matrices share
                } else if (life == WARM_UP) {
                    hostBytes = residentBytes();
                }
                assertThat(FakeCuda.liveBytes()).as("life %d", life).isEqualTo(deviceBytes);
            }
            assertThat((residentBytes() - hostBytes) / LIVES)
                    .as("bytes of the host for a life")
                    .isLessThan(1024);
        }
    }

    /** Of this process, so that what leaks outside the heap is seen; 0 where the system does not tell. */
    private static long residentBytes() throws IOException {
        System.gc();
        Path file = Path.of("/proc/self/statm");
        return Files.exists(file) ? Long.parseLong(Files.readString(file).split(" ")[1]) * 4096 : 0;
    }

    @Test
    void aClosedMatrixIsRefusedAndClosesOnce() {
        try (FakeCuda fake = FakeCuda.open()) {
            Device device = device(fake);
            DeviceMatrix placed = device.place(host);
            DeviceMatrix other = device.place(host);
            placed.close();
            placed.close();
            assertThatThrownBy(() -> product(placed))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("closed");
            assertThat(product(other)).hasSize(14);
            device.close();
            device.close();
            assertThatThrownBy(() -> product(other)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> device.place(host)).isInstanceOf(IllegalStateException.class);
            other.close();
        }
    }

    @Test
    void aDeviceThatIsTooSmallKeepsNothingOfWhatItCouldNotHold() {
        try (FakeCuda fake = FakeCuda.open()) {
            Device device = device(fake);
            QuantizedMatrix large = Samples.matrix("nf4-g32-f16+r8-f16", 64, 64, false);
            for (int room = 0; room <= 6000; room += 300) {
                long before = FakeCuda.liveBytes();
                FakeCuda.setMemory(before + room);
                try (DeviceMatrix placed = device.place(large)) {
                    assertThat(room).isGreaterThanOrEqualTo((int) placed.bytes());
                } catch (DeviceException e) {
                    assertThat(e).hasMessageContaining("is out of memory");
                }
                assertThat(FakeCuda.liveBytes()).isEqualTo(before);
            }
        }
    }

    @Test
    void aDeviceLostInAProductGivesNoResult() {
        try (FakeCuda fake = FakeCuda.open()) {
            Device device = device(fake);
            DeviceMatrix placed = device.place(host);
            product(placed);
            FakeCuda.failNext(719);
            assertThatThrownBy(() -> product(placed))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("is lost");
            assertThatThrownBy(() -> product(placed))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("is lost");
            placed.close();
        }
    }

    @Test
    void severalThreadsMultiplyWithOneMatrix() throws Exception {
        try (FakeCuda fake = FakeCuda.open();
                ExecutorService threads = Executors.newFixedThreadPool(4)) {
            Device device = device(fake);
            DeviceMatrix placed = device.place(host);
            float[] alone = product(placed);
            List<Future<float[]>> products = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                products.add(threads.submit(() -> product(placed)));
            }
            for (Future<float[]> product : products) {
                assertThat(product.get()).isEqualTo(alone);
            }
        }
    }

    @Test
    void aRepresentationWithoutKernelsIsNamed() {
        QuantizedMatrix strange = new QuantizedMatrix() {
            @Override
            public int rows() {
                return 1;
            }

            @Override
            public int columns() {
                return 1;
            }

            @Override
            public String format() {
                return "roman-numerals";
            }

            @Override
            public List<Part> parts() {
                return List.of();
            }

            @Override
            public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
                DecodedProducts.checkRows(this, fromRow, out);
            }
        };
        try (FakeCuda fake = FakeCuda.open()) {
            Device device = device(fake);
            assertThatThrownBy(() -> device.place(strange))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("no CUDA kernel multiplies the format roman-numerals");
        }
    }
}
