package dev.lowbit.cuda.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.cuda.FakeCuda;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.error.DeviceException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** {@code shim.h} itself: what other tests believe it for. */
class ShimTest {
    private static final String FILE = "shim_test.cu";

    /** Runs a kernel on 0, 1, 2 ... and gives its floats. */
    private static float[] run(FakeCuda fake, String kernel, int count, int blocks, int threads, boolean withCount) {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = i;
        }
        try (DeviceMemory in = fake.cuda().allocate((long) count * Float.BYTES);
                DeviceMemory out = fake.cuda().allocate((long) count * Float.BYTES)) {
            in.write(MemorySegment.ofArray(values));
            out.clear();
            KernelArguments.Builder arguments =
                    KernelArguments.builder().ofPointer(in.address()).ofPointer(out.address());
            if (withCount) {
                arguments.ofInt(count);
            }
            fake.library()
                    .kernel(FILE, kernel)
                    .launch(fake.cuda().stream(), blocks, 1, threads, count * Float.BYTES, arguments.build());
            float[] results = new float[count];
            out.read(MemorySegment.ofArray(results));
            return results;
        }
    }

    @Test
    void aTreeInSharedMemoryAddsEveryBlock() {
        try (FakeCuda fake = FakeCuda.open()) {
            float[] sums = run(fake, "tree_sum", 1024, 4, 256, false);
            for (int block = 0; block < 4; block++) {
                assertThat(sums[block]).isEqualTo(256 * 255 / 2 + 256 * 256 * block);
            }
        }
    }

    @Test
    void exchangesAddEveryWarp() {
        try (FakeCuda fake = FakeCuda.open()) {
            float[] sums = run(fake, "warp_sum", 192, 2, 96, false);
            for (int i = 0; i < sums.length; i++) {
                assertThat(sums[i]).isEqualTo(32 * 31 / 2 + 32 * 32 * (i / 32));
            }
        }
    }

    @Test
    void dynamicSharedMemoryIsOneBlocks() {
        try (FakeCuda fake = FakeCuda.open()) {
            float[] turned = run(fake, "turn_round", 1024, 1, 1024, true);
            for (int i = 0; i < turned.length; i++) {
                assertThat(turned[i]).isEqualTo(1023 - i);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({
        "divergent_barrier, thread 0 waits at line",
        "missing_at_barrier, for threads that do not come",
        "missing_in_warp, for threads that do not come"
    })
    void threadsThatWaitForOneAnotherInVainAreAnError(String kernel, String message) {
        try (FakeCuda fake = FakeCuda.open()) {
            DeviceMemory out = fake.cuda().allocate(64 * Float.BYTES);
            KernelArguments arguments =
                    KernelArguments.builder().ofPointer(out.address()).build();
            assertThatThrownBy(() -> {
                        fake.library().kernel(FILE, kernel).launch(fake.cuda().stream(), 1, 1, 64, 0, arguments);
                        fake.cuda().stream().synchronize();
                    })
                    .isInstanceOf(DeviceException.class)
                    .hasMessageContaining(message);
        }
    }

    @Test
    void intrinsicsRoundAndSelectAsTheDeviceDoes() {
        try (FakeCuda fake = FakeCuda.open();
                DeviceMemory out = fake.cuda().allocate(12 * Integer.BYTES)) {
            out.clear();
            KernelArguments arguments =
                    KernelArguments.builder().ofPointer(out.address()).build();
            fake.library().kernel(FILE, "intrinsics").launch(fake.cuda().stream(), 1, 1, 32, 0, arguments);
            MemorySegment results = MemorySegment.ofArray(new int[12]);
            out.read(results);
            assertThat(results.toArray(ValueLayout.JAVA_INT))
                    .containsExactly(
                            0x6789abcd,
                            0x07000501,
                            1 * 4 - 1 * 5 + 2 * 6 + 3 * 7 + 10,
                            Float.floatToRawIntBits(Math.fma(1 + 0x1p-12f, 1 + 0x1p-12f, -1)),
                            Float.floatToRawIntBits((1 + 0x1p-12f) * (1 + 0x1p-12f) - 1),
                            Float.floatToRawIntBits(1f / 3),
                            0,
                            5,
                            3,
                            4,
                            0x3f800001,
                            10);
        }
    }
}
