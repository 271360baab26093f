package dev.lowbit.matrix;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.error.InvalidRequestException;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

/** Identifiers come from users and from files: whatever they say, they name a format or are refused as a request. */
class FormatIdProperties {
    private static final List<String> VALID = List.of(
            "nf3-g64-s8x256-bf16",
            "nf4-g64-f32-flat",
            "int1-g65536-s1x65536-fp16",
            "lc2-g16-s8x256-fp32+r8-nf8",
            "affine4-row-f16-sym",
            "affine2-g32-s4x64-bf16-gidx+r2-f16",
            "affine8-g65536-bf16-sym-gidx",
            "aq2x8-g8-row-f16",
            "aq1x16-g4o8-s64-s4x64-bf16",
            "aq8x10-g64-s65536-f32",
            "sketch2-r64-t5-s6x64-bf16",
            "sketch4-r1-f16",
            "nf2-g64-f16+r999999999-nf8-g64-s8x256-fp32-flat",
            "f32+r1-f32",
            "bf16");

    private static final String[] PIECES = {
        "0",
        "1",
        "8",
        "9",
        "00",
        "99999",
        "2147483648",
        "9".repeat(30),
        "-",
        "--",
        "+",
        "x",
        "g",
        "r",
        "s",
        "o",
        "t",
        "-f16",
        "-flat",
        "-sym",
        "-gidx",
        "+r0-f16",
        "+r1-nf8",
        "row",
        "\u0661",
        "\n",
        " "
    };

    @Property(tries = 5000)
    void aChangedIdentifierNamesAFormatOrIsRefused(@ForAll long seed, @ForAll @IntRange(min = 0, max = 3) int changes) {
        Random random = new Random(seed);
        StringBuilder id = new StringBuilder(VALID.get(random.nextInt(VALID.size())));
        for (int i = 0; i < changes; i++) {
            int from = random.nextInt(id.length() + 1);
            int to = Math.min(id.length(), from + random.nextInt(4));
            id.replace(from, to, random.nextInt(4) == 0 ? "" : PIECES[random.nextInt(PIECES.length)]);
        }
        MatrixFormat format;
        try {
            format = MatrixFormats.parse(id.toString());
        } catch (InvalidRequestException e) {
            assertThat(changes).as(id + ": " + e.getMessage()).isPositive();
            assertThat(e.kind()).isEqualTo(InvalidRequestException.Kind.USAGE);
            return;
        }
        assertThat(MatrixFormats.parse(format.id())).isEqualTo(format);
    }
}
