package dev.lowbit.lqlora;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The authors' packed words and bytes, both ways, for every width that the golden file holds. */
class ReferencePackingGoldenTest {
    @Test
    void packedBothWays() {
        try (Golden golden = Golden.open("packing")) {
            int widths = 0;
            for (int bits = 1; bits <= 8; bits++) {
                String prefix = "b" + bits + ".";
                if (!golden.has(prefix + "codes")) {
                    continue;
                }
                widths++;
                byte[] codes = golden.bytes(prefix + "codes");
                int[] words = golden.ints(prefix + "packed_i32");
                byte[] stream = golden.bytes(prefix + "packed_u8_legacy");
                assertThat(ReferencePacking.packWords(codes, bits)).isEqualTo(words);
                assertThat(ReferencePacking.unpackWords(words, bits)).isEqualTo(codes);
                assertThat(ReferencePacking.packStream(codes, bits)).isEqualTo(stream);
                assertThat(ReferencePacking.unpackStream(stream, bits, codes.length))
                        .isEqualTo(codes);
            }
            assertThat(widths).isPositive();
        }
    }
}
