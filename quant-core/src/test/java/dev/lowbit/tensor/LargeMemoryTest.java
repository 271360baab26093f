package dev.lowbit.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Memory of large matrices behaves like arena memory: zeroed, aligned, writable to its last byte, gone when closed. */
class LargeMemoryTest {
    private static final int MIB = 1 << 20;

    @ParameterizedTest
    @ValueSource(longs = {0, 4, 8L * MIB - 4, 8L * MIB, 8L * MIB + 4, 33L * MIB + 12})
    void memoryIsZeroedAlignedAndFreed(long bytes) {
        MemorySegment segment;
        try (Arena arena = Arena.ofConfined()) {
            segment = LargeMemory.allocate(bytes, 64, arena);
            assertThat(segment.byteSize()).isEqualTo(bytes);
            assertThat(segment.address() % 64).isZero();
            assertThat(segment.isReadOnly()).isFalse();
            for (long at = 0; at < bytes; at += 4) {
                if (segment.get(ValueLayout.JAVA_INT, at) != 0) {
                    throw new AssertionError("not zero at " + at);
                }
            }
            segment.fill((byte) 1);
            assertThatThrownBy(() -> segment.get(ValueLayout.JAVA_BYTE, bytes))
                    .isInstanceOf(IndexOutOfBoundsException.class);
        }
        assertThatThrownBy(() -> segment.fill((byte) 0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void closedMatricesGiveTheirMemoryBack() throws IOException {
        assumeTrue(Files.exists(Path.of("/proc/self/statm")), "needs the process's size");
        long before = addressSpacePages();
        for (int i = 0; i < 1000; i++) {
            try (FloatMatrix matrix = FloatMatrix.allocate(2048, 2048)) {
                matrix.set(2047, 2047, i);
            }
        }
        // 1000 x 16 MiB would be 4 million pages of 4 KiB
        assertThat(addressSpacePages() - before).isLessThan(400_000);
    }

    private static long addressSpacePages() throws IOException {
        return Long.parseLong(Files.readString(Path.of("/proc/self/statm")).split(" ")[0]);
    }
}
