package dev.lowbit.cuda.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.error.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

/** The bindings from end to end, against a driver that runs on the CPU. */
class CudaTest {
    private static final String FILE = "driver_test.cu";

    @Test
    void whatIsWrittenIsRead() {
        try (FakeCuda fake = FakeCuda.open()) {
            // Below, at and above one and several buffers of the staging.
            for (long size :
                    new long[] {1, 7, 4096, Staging.BYTES - 1, Staging.BYTES, Staging.BYTES + 1, 3 * Staging.BYTES + 5
                    }) {
                byte[] bytes = new byte[(int) size];
                new Random(size).nextBytes(bytes);
                try (DeviceMemory memory = fake.cuda().allocate(size + 3)) {
                    memory.clear();
                    memory.write(2, MemorySegment.ofArray(bytes));
                    byte[] back = new byte[(int) size + 3];
                    memory.read(MemorySegment.ofArray(back));
                    assertThat(back[0]).isZero();
                    assertThat(back[1]).isZero();
                    assertThat(back[(int) size + 2]).isZero();
                    assertThat(java.util.Arrays.copyOfRange(back, 2, (int) size + 2))
                            .isEqualTo(bytes);
                    byte[] part = new byte[(int) size];
                    memory.slice(2, size).read(MemorySegment.ofArray(part));
                    assertThat(part).isEqualTo(bytes);
                }
            }
        }
    }

    @Test
    void aKernelRunsWithItsArguments() {
        try (FakeCuda fake = FakeCuda.open();
                DeviceMemory memory = fake.cuda().allocate(5 * Float.BYTES)) {
            memory.write(MemorySegment.ofArray(new float[] {1, 2, 3, 4, 5}));
            KernelArguments arguments = KernelArguments.builder()
                    .ofPointer(memory.address())
                    .ofInt(4)
                    .ofFloat(2)
                    .ofLong(10)
                    .build();
            Kernel kernel = fake.library().kernel(FILE, "affine");
            kernel.launch(fake.cuda().stream(), 2, 1, 3, 0, arguments);
            assertThat(floats(memory, 5)).containsExactly(12, 14, 16, 18, 5);
            arguments.setFloat(2, -1);
            arguments.setLong(3, 1);
            arguments.setInt(1, 5);
            kernel.launch(fake.cuda().stream(), 2, 1, 3, 0, arguments);
            assertThat(floats(memory, 5)).containsExactly(-11, -13, -15, -17, -4);
            assertThatThrownBy(() -> arguments.setLong(1, 1)).hasMessage("argument 1 is INT, not LONG");
        }
    }

    @Test
    void recordedWorkRunsWhenItIsLaunched() {
        try (FakeCuda fake = FakeCuda.open();
                DeviceMemory memory = fake.cuda().allocate(Float.BYTES)) {
            memory.write(MemorySegment.ofArray(new float[] {1}));
            KernelArguments arguments = KernelArguments.builder()
                    .ofPointer(memory.address())
                    .ofInt(1)
                    .ofFloat(3)
                    .ofLong(1)
                    .build();
            Kernel kernel = fake.library().kernel(FILE, "affine");
            try (Graph graph = fake.cuda().stream().record(() -> {
                kernel.launch(fake.cuda().stream(), 1, 1, 1, 0, arguments);
                arguments.setFloat(2, 10);
                kernel.launch(fake.cuda().stream(), 1, 1, 1, 0, arguments);
            })) {
                assertThat(floats(memory, 1)).containsExactly(1);
                graph.launch();
                assertThat(floats(memory, 1)).containsExactly(41);
            }
            assertThatThrownBy(() -> fake.cuda().stream().record(() -> {
                        throw new IllegalStateException("mine");
                    }))
                    .hasMessage("mine");
        }
    }

    @Test
    void outOfMemorySaysWhatWasAskedAndWhatIsFree() {
        try (FakeCuda fake = FakeCuda.open()) {
            FakeCuda.setMemory(1000);
            try (DeviceMemory first = fake.cuda().allocate(600)) {
                assertThat(first.bytes()).isEqualTo(600);
                assertThatThrownBy(() -> fake.cuda().allocate(401))
                        .isInstanceOf(DeviceException.class)
                        .hasMessage(
                                "fake device is out of memory: 401 bytes asked, 400 of 1000 free; use a smaller model or"
                                        + " fewer bits, or end what else uses the device");
                fake.cuda().allocate(400).close();
            }
            fake.cuda().allocate(1000).close();
        }
    }

    @Test
    void aLostDeviceStaysLost() {
        try (FakeCuda fake = FakeCuda.open()) {
            DeviceMemory memory = fake.cuda().allocate(16);
            FakeCuda.failNext(Status.ILLEGAL_ADDRESS);
            assertThatThrownBy(memory::clear)
                    .isInstanceOf(DeviceException.class)
                    .hasMessage(
                            "fake device is lost, and with it all that was in its memory: clearing memory failed on fake"
                                    + " device: CUDA_ERROR_ILLEGAL_ADDRESS (said by the fake driver); start again");
            // The driver would answer again; the device does not go on as if nothing had happened.
            FakeCuda.reset();
            assertThatThrownBy(memory::clear)
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("is lost");
            assertThatThrownBy(() -> fake.cuda().allocate(1)).isInstanceOf(DeviceException.class);
            assertThatThrownBy(fake.cuda().stream()::synchronize).isInstanceOf(DeviceException.class);
            memory.close();
        }
    }

    @Test
    void aFaultThatPassesLeavesTheDeviceInUse() {
        try (FakeCuda fake = FakeCuda.open();
                DeviceMemory memory = fake.cuda().allocate(16)) {
            FakeCuda.failNext(999_999);
            assertThatThrownBy(memory::clear)
                    .isInstanceOf(DeviceException.class)
                    .hasMessage("clearing memory failed on fake device: status 999999");
            memory.clear();
        }
    }

    @Test
    void whatIsClosedIsRefused() {
        try (FakeCuda fake = FakeCuda.open()) {
            DeviceMemory memory = fake.cuda().allocate(16);
            DeviceMemory slice = memory.slice(8, 8);
            memory.close();
            memory.close();
            assertThatThrownBy(memory::clear)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("this device memory is closed");
            assertThatThrownBy(() -> slice.read(MemorySegment.ofArray(new byte[1])))
                    .isInstanceOf(IllegalStateException.class);
            Event event = fake.cuda().event();
            event.close();
            assertThatThrownBy(event::record).isInstanceOf(IllegalStateException.class);
            CudaModule module = fake.cuda().load(FakeCuda.images().image(FILE));
            Kernel kernel = module.kernel("affine");
            module.close();
            module.close();
            assertThatThrownBy(() -> kernel.launch(
                            fake.cuda().stream(),
                            1,
                            1,
                            1,
                            0,
                            KernelArguments.builder().build()))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("this module is closed");
            fake.cuda().close();
            fake.cuda().close();
            assertThatThrownBy(() -> fake.cuda().allocate(1))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("fake device is closed");
        }
    }

    @Test
    void closingTheDeviceFreesWhatIsLeft() {
        FakeCuda fake = FakeCuda.open();
        DeviceMemory memory = fake.cuda().allocate(1 << 20);
        fake.cuda().event();
        fake.library().kernel(FILE, "affine");
        memory.write(MemorySegment.ofArray(new byte[100]));
        assertThat(FakeCuda.liveBytes()).isEqualTo(1 << 20);
        fake.close(); // asserts that nothing is left
        memory.close();
    }

    @Test
    void rangesAreCheckedBeforeTheDeviceSeesThem() {
        try (FakeCuda fake = FakeCuda.open();
                DeviceMemory memory = fake.cuda().allocate(16)) {
            MemorySegment nine = MemorySegment.ofArray(new byte[9]);
            assertThatThrownBy(() -> memory.write(8, nine))
                    .isInstanceOf(IndexOutOfBoundsException.class)
                    .hasMessage("9 bytes at 8 do not lie in device memory of 16 bytes");
            assertThatThrownBy(() -> memory.read(-1, nine)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> memory.slice(0, 17)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> fake.cuda().allocate(0)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> fake.cuda().allocatePinned(0)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void aKernelThatWritesBehindItsMemoryIsSeen() {
        FakeCuda fake = FakeCuda.open();
        DeviceMemory memory = fake.cuda().allocate(8);
        KernelArguments arguments =
                KernelArguments.builder().ofPointer(memory.address()).ofInt(2).build();
        fake.library().kernel(FILE, "overrun").launch(fake.cuda().stream(), 1, 1, 1, 0, arguments);
        assertThatThrownBy(fake::close).isInstanceOf(AssertionError.class);
        FakeCuda.reset();
    }

    @Test
    void whatTheDriverRefusesIsAnErrorWithItsName() {
        try (FakeCuda fake = FakeCuda.open()) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment text = arena.allocate(64);
                assertThatThrownBy(() -> fake.cuda().load(text))
                        .isInstanceOf(DeviceException.class)
                        .hasMessage("loading kernels for compute capability 9.0 failed on fake device:"
                                + " CUDA_ERROR_INVALID_IMAGE (said by the fake driver)");
            }
            assertThatThrownBy(() -> fake.library().kernel(FILE, "nothing"))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("looking for the kernel nothing failed");
            Kernel kernel = fake.library().kernel(FILE, "affine");
            KernelArguments none = KernelArguments.builder()
                    .ofPointer(0)
                    .ofInt(0)
                    .ofFloat(0)
                    .ofLong(0)
                    .build();
            assertThatThrownBy(() -> kernel.launch(fake.cuda().stream(), 1, 1, 2000, 0, none))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("launching affine failed")
                    .hasMessageContaining("CUDA_ERROR_INVALID_VALUE");
            // More than 48 KiB of shared memory has to be asked for, once.
            kernel.launch(fake.cuda().stream(), 1, 1, 1, 100 << 10, none);
            assertThatThrownBy(() -> kernel.launch(fake.cuda().stream(), 1, 1, 1, 1 << 20, none))
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining("giving affine 1048576 bytes of shared memory");
            assertThat(kernel.registers()).isPositive();
            assertThat(kernel.localBytes()).isZero();
            assertThat(kernel.blocksPerMultiprocessor(256, 0)).isEqualTo(8);
        }
    }

    @Test
    void severalThreadsShareADevice() throws Exception {
        try (FakeCuda fake = FakeCuda.open();
                ExecutorService threads = Executors.newFixedThreadPool(4)) {
            List<Callable<float[]>> tasks = new ArrayList<>();
            for (int task = 0; task < 16; task++) {
                int add = task;
                tasks.add(() -> {
                    float[] last = null;
                    for (int round = 0; round < 20; round++) {
                        try (DeviceMemory memory = fake.cuda().allocate(3 * Float.BYTES)) {
                            memory.write(MemorySegment.ofArray(new float[] {1, 2, 3}));
                            KernelArguments arguments = KernelArguments.builder()
                                    .ofPointer(memory.address())
                                    .ofInt(3)
                                    .ofFloat(2)
                                    .ofLong(add)
                                    .build();
                            fake.library().kernel(FILE, "affine").launch(fake.cuda().stream(), 1, 1, 32, 0, arguments);
                            last = floats(memory, 3);
                        }
                    }
                    return last;
                });
            }
            List<Future<float[]>> results = threads.invokeAll(tasks);
            for (int task = 0; task < results.size(); task++) {
                assertThat(results.get(task).get()).containsExactly(2 + task, 4 + task, 6 + task);
            }
        }
    }

    /** Whole devices; closing each asserts that nothing is left. Matrices on one device: {@code CudaDeviceTest}. */
    @Test
    void manyLivesLeaveNothing() {
        for (int life = 0; life < 1000; life++) {
            try (FakeCuda fake = FakeCuda.open();
                    DeviceMemory memory = fake.cuda().allocate(1 << 16)) {
                memory.write(MemorySegment.ofArray(new float[] {life}));
                assertThat(floats(memory, 1)).containsExactly(life);
            }
        }
    }

    static float[] floats(DeviceMemory memory, int count) {
        MemorySegment values = MemorySegment.ofArray(new float[count]);
        memory.read(values);
        return values.toArray(ValueLayout.JAVA_FLOAT);
    }
}
