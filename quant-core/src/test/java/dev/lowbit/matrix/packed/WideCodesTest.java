package dev.lowbit.matrix.packed;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Wide codes are the stream of narrow ones where both can be, and come back from any place. */
class WideCodesTest {
    static IntStream bits() {
        return IntStream.rangeClosed(1, 16);
    }

    @ParameterizedTest
    @MethodSource("bits")
    void packAndUnpack(int bits) {
        Random random = new Random(bits);
        for (int length : new int[] {1, 2, 7, 8, 9, 63, 64, 65, 1021}) {
            int[] codes = random.ints(length, 0, 1 << bits).toArray();
            MemorySegment packed = WideCodes.pack(codes, bits);
            assertThat(packed.byteSize()).isEqualTo(PackedCodes.bytes(length, bits));
            assertThat(PackedCodes.isPaddedWithZeros(packed, length, bits)).isTrue();
            if (bits <= Byte.SIZE) {
                byte[] narrow = new byte[length];
                for (int i = 0; i < length; i++) {
                    narrow[i] = (byte) codes[i];
                }
                assertThat(packed.toArray(ValueLayout.JAVA_BYTE))
                        .isEqualTo(PackedCodes.pack(narrow, bits).toArray(ValueLayout.JAVA_BYTE));
            }
            for (int first = 0; first < Math.min(length, 10); first++) {
                int count = length - first;
                char[] some = new char[first + count];
                WideCodes.unpack(packed, first, count, bits, WideCodes.buffer(count, bits), some, first);
                for (int i = 0; i < count; i++) {
                    assertThat((int) some[first + i]).isEqualTo(codes[first + i]);
                }
            }
        }
    }
}
