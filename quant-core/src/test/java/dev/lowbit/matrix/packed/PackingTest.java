package dev.lowbit.matrix.packed;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Words and single codes give the same streams, at awkward lengths and offsets. */
@Tag("kernels")
class PackingTest {
    private static final int[] LENGTHS = {1, 7, 15, 16, 17, 31, 63, 64, 65, 127, 257, 1021, 4099, 70000};

    private final Packing scalar = new ScalarPacking();
    private final Packing words = new WordPacking();

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void packAndUnpack(int bits) {
        Random random = new Random(bits);
        for (int length : LENGTHS) {
            for (int offset : new int[] {0, 1, 6, 7}) {
                byte[] all = new byte[offset + length];
                for (int i = 0; i < all.length; i++) {
                    all[i] = (byte) random.nextInt(1 << bits);
                }
                int bytes = (int) PackedCodes.bytes(length, bits);
                byte[] expected = new byte[offset + bytes];
                byte[] actual = new byte[offset + bytes];
                scalar.pack(all, offset, length, bits, expected, offset);
                words.pack(all, offset, length, bits, actual, offset);
                assertThat(actual).isEqualTo(expected);
                byte[] padded = Arrays.copyOf(actual, actual.length + Packing.SLACK);
                for (int skipped = 0; skipped < Math.min(length, 9); skipped++) {
                    byte[] codes = new byte[length - skipped];
                    words.unpack(padded, offset * Byte.SIZE + skipped * bits, codes.length, bits, codes, 0);
                    assertThat(codes).isEqualTo(Arrays.copyOfRange(all, offset + skipped, all.length));
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
    void wholeStreams(int bits) {
        byte[] codes = new byte[70_001];
        Random random = new Random(bits);
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) random.nextInt(1 << bits);
        }
        MemorySegment packed = PackedCodes.pack(codes, bits);
        assertThat(packed.byteSize()).isEqualTo(PackedCodes.bytes(codes.length, bits));
        assertThat(PackedCodes.unpack(packed, codes.length, bits)).isEqualTo(codes);
        assertThat(PackedCodes.isPaddedWithZeros(packed, codes.length, bits)).isTrue();
        for (int i : new int[] {0, 1, 65_535, 65_536, 70_000}) {
            assertThat(PackedCodes.codeAt(packed, (long) i * bits, bits)).isEqualTo(codes[i] & 0xff);
        }
    }
}
