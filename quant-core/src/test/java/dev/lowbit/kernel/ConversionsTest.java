package dev.lowbit.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.tensor.DType;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Both implementations against the JDK where it knows the format, against each other bit for bit everywhere. */
@Tag("kernels")
class ConversionsTest {
    private static final Conversions SCALAR = new ScalarConversions();
    private static final Conversions VECTOR = new VectorConversions();
    private static final int[] COUNTS = {0, 1, 2, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 257, 1021, 4099};
    private static final int[] OFFSETS = {0, 1, 3, 6};

    static Stream<Conversions> implementations() {
        return Stream.of(SCALAR, VECTOR);
    }

    @ParameterizedTest
    @MethodSource("implementations")
    void everyHalfWidensAsTheJdkSays(Conversions conversions) {
        int[] wide = widenAll(conversions, DType.F16);
        for (int code = 0; code < 1 << 16; code++) {
            float expected = Float.float16ToFloat((short) code);
            if (Float.isNaN(expected)) {
                assertThat(wide[code]).isEqualTo((code & 0x8000) << 16 | 0x7f800000 | (code & 0x3ff) << 13);
            } else {
                assertThat(wide[code]).as("code %04x", code).isEqualTo(Float.floatToRawIntBits(expected));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("implementations")
    void everyBfloat16IsTheUpperHalfOfAFloat(Conversions conversions) {
        int[] wide = widenAll(conversions, DType.BF16);
        for (int code = 0; code < 1 << 16; code++) {
            assertThat(wide[code]).isEqualTo(code << 16);
        }
    }

    @ParameterizedTest
    @MethodSource("implementations")
    void everyE5m2IsTheUpperHalfOfAHalf(Conversions conversions) {
        int[] wide = widenAll(conversions, DType.F8_E5M2);
        int[] halves = widenAll(conversions, DType.F16);
        for (int code = 0; code < 256; code++) {
            assertThat(wide[code]).as("code %02x", code).isEqualTo(halves[code << 8]);
        }
    }

    @ParameterizedTest
    @MethodSource("implementations")
    void everyE4m3HasTheValueOfItsFormula(Conversions conversions) {
        int[] wide = widenAll(conversions, DType.F8_E4M3);
        for (int code = 0; code < 256; code++) {
            float value = Float.intBitsToFloat(wide[code]);
            int exponent = code >> 3 & 15;
            int mantissa = code & 7;
            if (exponent == 15 && mantissa == 7) {
                assertThat(value).isNaN();
                continue;
            }
            // in units of the smallest subnormal, 2^-9
            double units = exponent == 0 ? mantissa : (8 + mantissa) * Math.scalb(1.0, exponent - 1);
            float expected = (float) Math.scalb(code < 128 ? units : -units, -9);
            assertThat(Float.floatToRawIntBits(value))
                    .as("code %02x", code)
                    .isEqualTo(Float.floatToRawIntBits(expected));
        }
        assertThat(Float.intBitsToFloat(wide[0x7e])).as("largest").isEqualTo(448f);
        assertThat(Float.intBitsToFloat(wide[0x01])).as("smallest").isEqualTo(0x1p-9f);
    }

    private static int[] widenAll(Conversions conversions, DType type) {
        int codes = 1 << type.bits();
        MemorySegment source = MemorySegment.ofArray(new byte[codes * type.bytes()]);
        for (int code = 0; code < codes; code++) {
            if (type.bytes() == 1) {
                source.set(ValueLayout.JAVA_BYTE, code, (byte) code);
            } else {
                source.set(ValueLayout.JAVA_SHORT_UNALIGNED, 2L * code, (short) code);
            }
        }
        int[] wide = new int[codes];
        conversions.widen(type, source, 0, MemorySegment.ofArray(wide), 0, codes);
        return wide;
    }

    @ParameterizedTest
    @MethodSource("implementations")
    void everyCodeComesBackWhenNarrowed(Conversions conversions) {
        for (DType type : new DType[] {DType.F16, DType.BF16}) {
            int[] wide = widenAll(conversions, type);
            short[] narrow = new short[wide.length];
            conversions.narrow(type, MemorySegment.ofArray(wide), 0, MemorySegment.ofArray(narrow), 0, wide.length);
            int quiet = type == DType.F16 ? 0x200 : 0x40;
            for (int code = 0; code < wide.length; code++) {
                boolean nan = Float.isNaN(Float.intBitsToFloat(wide[code]));
                assertThat(narrow[code] & 0xffff).as("%s %04x", type, code).isEqualTo(nan ? code | quiet : code);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("implementations")
    void narrowingRoundsToNearestEven(Conversions conversions) {
        int[] bits = awkwardFloats();
        short[] half = new short[bits.length];
        short[] brain = new short[bits.length];
        conversions.narrowF16(MemorySegment.ofArray(bits), 0, MemorySegment.ofArray(half), 0, bits.length);
        conversions.narrowBf16(MemorySegment.ofArray(bits), 0, MemorySegment.ofArray(brain), 0, bits.length);
        for (int i = 0; i < bits.length; i++) {
            float value = Float.intBitsToFloat(bits[i]);
            if (Float.isNaN(value)) {
                assertThat(Float.float16ToFloat(half[i])).isNaN();
                assertThat(Float.intBitsToFloat(brain[i] << 16)).isNaN();
                continue;
            }
            assertThat(half[i]).as("%08x to F16", bits[i]).isEqualTo(Float.floatToFloat16(value));
            // the two bfloat16 around the value, compared in double: the nearer one, or the even one at equal distance
            int down = bits[i] >>> 16;
            double below = bf16(down);
            double above = bf16(down + 1);
            double middle = (below + above) / 2;
            boolean up = Math.abs(value) > Math.abs(middle) || value == middle && (down & 1) == 1;
            assertThat(brain[i] & 0xffff).as("%08x to BF16", bits[i]).isEqualTo(up ? down + 1 : down);
        }
    }

    /** The value of a bfloat16, where the code after the largest finite one counts as 2^128. */
    private static double bf16(int code) {
        float value = Float.intBitsToFloat(code << 16);
        return Float.isInfinite(value) ? Math.copySign(0x1p128, value) : value;
    }

    /** Every half and every midpoint of two, each with its float neighbours; powers of two; random bits. */
    private static int[] awkwardFloats() {
        Random random = new Random(7);
        Stream.Builder<Integer> all = Stream.builder();
        for (int code = 0; code <= 0x7c00; code++) {
            float half = Float.float16ToFloat((short) code);
            float next = code == 0x7c00 ? half : Float.float16ToFloat((short) (code + 1));
            float middle = Float.isInfinite(next) ? 65520 : (half + next) / 2;
            for (float value : new float[] {
                half, Math.nextUp(half), Math.nextDown(half), middle, Math.nextUp(middle), Math.nextDown(middle)
            }) {
                all.add(Float.floatToRawIntBits(value));
                all.add(Float.floatToRawIntBits(-value));
            }
        }
        for (int exponent = 0; exponent < 256; exponent++) {
            for (int low : new int[] {0, 1, 0x7fff, 0x8000, 0x8001, 0x17fff, 0x18000, 0x18001, 0x7fffff}) {
                all.add(exponent << 23 | low);
                all.add(exponent << 23 | low | 1 << 31);
            }
        }
        for (int i = 0; i < 100_000; i++) {
            all.add(random.nextInt());
        }
        return all.build().mapToInt(Integer::intValue).toArray();
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"})
    void wideningAgreesAtEveryCountAndOffset(DType type) {
        Random random = new Random(type.ordinal());
        for (int count : COUNTS) {
            for (int offset : OFFSETS) {
                byte[] bytes = new byte[count * type.bytes() + offset];
                random.nextBytes(bytes);
                if (type == DType.F64) {
                    doubles(random, bytes, offset, count);
                }
                byte[] expected = new byte[count * 4 + 2 * offset];
                byte[] actual = new byte[expected.length];
                MemorySegment source = MemorySegment.ofArray(bytes);
                SCALAR.widen(type, source, offset, MemorySegment.ofArray(expected), offset, count);
                VECTOR.widen(type, source, offset, MemorySegment.ofArray(actual), offset, count);
                assertThat(actual).as("%s x %d at %d", type, count, offset).isEqualTo(expected);
                MemorySegment target = outside(new byte[expected.length]);
                VECTOR.widen(type, outside(bytes), offset, target, offset, count);
                assertThat(target.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
            }
        }
    }

    /** The same bytes outside the heap. */
    private static MemorySegment outside(byte[] bytes) {
        return Arena.ofAuto()
                .allocate(Math.max(1, bytes.length))
                .asSlice(0, bytes.length)
                .copyFrom(MemorySegment.ofArray(bytes));
    }

    /** Doubles of all magnitudes that meet float, halfway cases included; no NaN, whose payload the JVM does not promise. */
    private static void doubles(Random random, byte[] bytes, int offset, int count) {
        for (int i = 0; i < count; i++) {
            double value = Math.scalb(random.nextInt() * 2.0 + random.nextInt(2), random.nextInt(320) - 190);
            MemorySegment.ofArray(bytes).set(ValueLayout.JAVA_DOUBLE_UNALIGNED, offset + 8L * i, value);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = DType.class,
            names = {"F32", "F16", "BF16"})
    void narrowingAgreesAtEveryCountAndOffset(DType type) {
        Random random = new Random(type.ordinal());
        for (int count : COUNTS) {
            for (int offset : OFFSETS) {
                byte[] bytes = new byte[count * 4 + offset];
                random.nextBytes(bytes);
                byte[] expected = new byte[count * type.bytes() + 2 * offset];
                byte[] actual = new byte[expected.length];
                MemorySegment source = MemorySegment.ofArray(bytes);
                SCALAR.narrow(type, source, offset, MemorySegment.ofArray(expected), offset, count);
                VECTOR.narrow(type, source, offset, MemorySegment.ofArray(actual), offset, count);
                assertThat(actual).as("%s x %d at %d", type, count, offset).isEqualTo(expected);
                MemorySegment target = outside(new byte[expected.length]);
                VECTOR.narrow(type, outside(bytes), offset, target, offset, count);
                assertThat(target.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
    void theFirstNonFiniteIsFoundWhereverItStands(float bad) {
        for (int count : COUNTS) {
            float[] values = new float[count + 1];
            java.util.Arrays.fill(values, Float.MAX_VALUE);
            // outside the range that is asked about
            values[0] = bad;
            MemorySegment segment = MemorySegment.ofArray(values);
            for (Conversions conversions : new Conversions[] {SCALAR, VECTOR}) {
                assertThat(conversions.firstNonFinite(segment, 4, count)).isEqualTo(-1);
                MemorySegment copy = Arena.ofAuto().allocate(segment.byteSize()).copyFrom(segment);
                assertThat(conversions.firstNonFinite(copy, 4, count)).isEqualTo(-1);
                assertThat(conversions.firstNonFinite(copy, 0, count + 1L)).isZero();
                for (int at = 0; at < count; at += 1 + count / 40) {
                    values[at + 1] = bad;
                    values[count] = bad;
                    assertThat(conversions.firstNonFinite(segment, 4, count)).isEqualTo(at);
                    values[at + 1] = -Float.MIN_VALUE;
                    values[count] = -Float.MAX_VALUE;
                }
            }
        }
    }

    static Stream<Arguments> shapes() {
        return Stream.of(
                Arguments.of(1, 1, 1),
                Arguments.of(1, 100, 1),
                Arguments.of(100, 1, 7),
                Arguments.of(16, 16, 16),
                Arguments.of(17, 33, 5),
                Arguments.of(64, 129, 64),
                Arguments.of(131, 67, 32));
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void bandsMakeUpTheTranspose(int rows, int columns, int band) {
        float[] source = new float[rows * columns];
        for (int i = 0; i < source.length; i++) {
            source[i] = i;
        }
        float[] target = new float[source.length];
        for (int row = 0; row < rows; row += band) {
            int count = Math.min(band, rows - row);
            MemorySegment slice = MemorySegment.ofArray(source).asSlice(4L * row * columns, 4L * count * columns);
            Conversions.transpose(slice, count, columns, MemorySegment.ofArray(target), row, rows);
        }
        for (int row = 0; row < rows; row++) {
            for (int column = 0; column < columns; column++) {
                assertThat(target[column * rows + row]).isEqualTo(source[row * columns + column]);
            }
        }
    }

    @Test
    void otherTypesAreRefused() {
        MemorySegment segment = MemorySegment.ofArray(new byte[64]);
        assertThatThrownBy(() -> VECTOR.widen(DType.I8, segment, 0, segment, 0, 1))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> VECTOR.narrow(DType.F8_E4M3, segment, 0, segment, 0, 1))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
