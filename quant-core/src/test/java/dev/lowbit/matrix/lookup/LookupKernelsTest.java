package dev.lowbit.matrix.lookup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.kernel.VectorWidth;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The SIMD verbs give the bits of the scalar ones. */
@Tag("kernels")
class LookupKernelsTest {
    private static final int ROWS = LookupShape.BLOCK_ROWS;

    private final LookupKernels scalar = new ScalarLookupKernels();

    /** Kernels for tables of so many entries; skips where the machine has none. */
    private static LookupKernels kernels(int entries) {
        if (entries == LookupShape.HALF_TABLES) {
            assumeTrue(Lookups.OF_MACHINE != Lookups.NONE, "skipped: no lookups of bytes in 128 bits here");
            return new HalfLookupKernels();
        }
        assumeTrue(
                Lookups.OF_MACHINE == Lookups.OF_BYTES && VectorWidth.bits() == 512,
                "skipped: no lookups of bytes in 512 bits here");
        return new VectorLookupKernels();
    }

    @Test
    void everyRowHasItsPlace() {
        BitSet bytes = new BitSet();
        BitSet shorts = new BitSet();
        for (int row = 0; row < ROWS; row++) {
            bytes.set(DomainKernels.byteOf(row));
            shorts.set(DomainKernels.shortOf(row));
        }
        assertThat(bytes.cardinality()).isEqualTo(ROWS);
        assertThat(shorts.cardinality()).isEqualTo(ROWS);
        assertThat(Math.max(bytes.length(), shorts.length())).isEqualTo(ROWS);
    }

    @ParameterizedTest
    @CsvSource({
        "32, 0",
        "32, 1",
        "32, 5",
        "32, 128",
        "64, 0",
        "64, 1",
        "64, 7",
        "64, 257",
        "256, 0",
        "256, 1",
        "256, 33",
        "256, 257"
    })
    void multiplies(int entries, int lookups) {
        LookupKernels vector = kernels(entries);
        int perLookup = entries == LookupShape.HALF_TABLES ? 2 : 1;
        Random random = new Random(entries + lookups);
        int blocks = 3;
        byte[] codes = new byte[5 + blocks * lookups * ROWS];
        random.nextBytes(codes);
        short[] halves = new short[(1 + blocks) * ROWS];
        for (int i = 0; i < halves.length; i++) {
            halves[i] = bf16(random);
        }
        float[] y = new float[9 + blocks * ROWS];
        for (int i = 0; i < y.length; i++) {
            y[i] = (float) random.nextGaussian();
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(codes.length + 1).asSlice(1, codes.length);
            segment.copyFrom(MemorySegment.ofArray(codes));
            MemorySegment scales = arena.allocate(2L * halves.length);
            scales.copyFrom(MemorySegment.ofArray(halves));
            for (float unit : new float[] {0, 0.017f, 3e30f, Float.NaN}) {
                byte[] tables = new byte[lookups * entries];
                random.nextBytes(tables);
                if (unit > 1) {
                    Arrays.fill(tables, (byte) -1);
                }
                float[] expected = y.clone();
                float[] actual = y.clone();
                short[] sums = new short[ROWS];
                scalar.multiply(
                        segment, 5, lookups, tables, entries, scales, 2 * ROWS, unit, -1.7f, sums, expected, 9, blocks);
                vector.multiply(
                        segment, 5, lookups, tables, entries, scales, 2 * ROWS, unit, -1.7f, sums, actual, 9, blocks);
                assertThat(actual).isEqualTo(expected);
                if (unit > 1) {
                    double sum = (255.0 * perLookup * lookups * unit - 1.7) * Float.intBitsToFloat(halves[ROWS] << 16);
                    assertThat(expected[9]).isCloseTo((float) (sum + y[9]), withinPercentage(1e-4));
                }
                scalar.addOffsets(scales, 2 * ROWS, unit, expected, 9, blocks);
                vector.addOffsets(scales, 2 * ROWS, unit, actual, 9, blocks);
                assertThat(actual).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"4, 0", "4, 1", "4, 3", "4, 8", "3, 1", "3, 16", "2, 0", "2, 1", "2, 16"})
    void multipliesGrids(int codeBits, int words) {
        int bits = IntegerKernels.wordBits(codeBits);
        int span = IntegerKernels.span(bits);
        int middle = 1 << codeBits - 1;
        IntegerKernels plain = new ScalarIntegerKernels(bits);
        IntegerKernels vector = new VectorIntegerKernels(bits);
        // the largest sums, of extreme codes and inputs, are those of a full domain
        assertThat(span * words).isLessThanOrEqualTo(IntegerKernels.columns(middle));
        Random random = new Random(codeBits + words);
        int blocks = 3;
        for (boolean extreme : new boolean[] {false, true}) {
            short[] codes = new short[blocks * words * ROWS];
            for (int i = 0; i < codes.length; i++) {
                for (int k = 0; k < span; k++) {
                    codes[i] |= (short) ((extreme ? 0 : random.nextInt(2 * middle)) << bits * k);
                }
            }
            short[] halves = new short[(1 + blocks) * ROWS];
            for (int i = 0; i < halves.length; i++) {
                halves[i] = bf16(random);
            }
            float[] x = new float[2 + span * words];
            for (int i = 0; i < x.length; i++) {
                x[i] = extreme ? -9 : random.nextInt(5) == 0 ? 0 : 18 * random.nextFloat() - 9;
            }
            float unit = 9f / IntegerKernels.MOST;
            float[] y = new float[9 + blocks * ROWS];
            for (int i = 0; i < y.length; i++) {
                y[i] = (float) random.nextGaussian();
            }
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment segment = arena.allocate(2L * codes.length + 3).asSlice(3);
                MemorySegment.copy(codes, 0, segment, ValueLayout.JAVA_SHORT_UNALIGNED, 0, codes.length);
                MemorySegment scales = arena.allocate(2L * halves.length);
                scales.copyFrom(MemorySegment.ofArray(halves));
                float[] expected = gridProduct(plain, segment, words, middle, x, unit, scales, y, blocks);
                float[] actual = gridProduct(vector, segment, words, middle, x, unit, scales, y, blocks);
                assertThat(actual).isEqualTo(expected);
                for (int i = 0; i < blocks * ROWS; i++) {
                    int row = i % ROWS;
                    int place = DomainKernels.shortOf(row);
                    double sum = 0;
                    double room = 1e-3;
                    for (int k = 0; k < span * words; k++) {
                        int word = codes[(i / ROWS * words + k / span) * ROWS + place];
                        sum += ((word >> k % span * bits & (1 << bits) - 1) - middle) * (double) x[2 + k];
                        room += 0.501 * middle * unit;
                    }
                    double scale = Float.intBitsToFloat(halves[(1 + i / ROWS) * ROWS + place] << 16);
                    assertThat((expected[9 + i] - y[9 + i]) - scale * sum)
                            .isCloseTo(0, within(room * Math.abs(scale) + 1e-3));
                }
            }
        }
    }

    private static float[] gridProduct(
            IntegerKernels kernels,
            MemorySegment codes,
            int words,
            int middle,
            float[] x,
            float unit,
            MemorySegment scales,
            float[] y,
            int blocks) {
        byte[] tables = new byte[kernels.head() + words * kernels.table()];
        kernels.tables(x, 2, words, 1 / unit, middle, tables);
        float[] out = y.clone();
        float base = -IntegerKernels.MIDDLE * unit;
        short[] sums = new short[ROWS];
        kernels.multiply(codes, 0, words, tables, kernels.table(), scales, 2 * ROWS, unit, base, sums, out, 9, blocks);
        return out;
    }

    private static short bf16(Random random) {
        return (short) (Float.floatToRawIntBits((float) random.nextGaussian()) >>> Short.SIZE);
    }

    @ParameterizedTest
    @CsvSource({"32, 1", "32, 2", "32, 3", "32, 4", "64, 3", "256, 1", "256, 2", "256, 4"})
    void makesTablesOfCodes(int table, int bits) {
        LookupKernels vector = kernels(table);
        Random random = new Random(bits);
        boolean half = table == LookupShape.HALF_TABLES;
        int span = (half ? 4 : 8) / bits;
        int entries = half ? table / 2 : table;
        for (int count : new int[] {1, 2, 9}) {
            for (float size : new float[] {1, 1e-30f, 1e30f, 0}) {
                float[] values = new float[1 << bits];
                float least = Float.POSITIVE_INFINITY;
                float most = Float.NEGATIVE_INFINITY;
                for (int i = 0; i < values.length; i++) {
                    values[i] = (float) random.nextGaussian();
                    least = Math.min(least, values[i]);
                    most = Math.max(most, values[i]);
                }
                float[] x = new float[2 + count * span + 16];
                float widest = 0;
                for (int i = 0; i < count; i++) {
                    float magnitude = 0;
                    for (int j = 0; j < span; j++) {
                        x[2 + i * span + j] = random.nextInt(5) == 0 ? 0 : size * (float) random.nextGaussian();
                        magnitude += Math.abs(x[2 + i * span + j]);
                    }
                    widest = Math.max(widest, magnitude);
                }
                float unit = widest * (most - least) / LookupKernels.RANGE;
                float perUnit = unit == 0 ? 0 : LookupKernels.FRACTION / unit;
                byte[] expected = new byte[count * entries];
                byte[] actual = expected.clone();
                float[] plain = scalar.levels(values, bits);
                scalar.codeTables(x, 2, count, span, entries, bits, plain, least, most, perUnit, expected);
                float[] levels = vector.levels(values, bits);
                vector.codeTables(x, 2, count, span, entries, bits, levels, least, most, perUnit, actual);
                assertThat(actual).isEqualTo(expected);
                for (int i = 0; i < count * entries && unit > 0; i++) {
                    double sum = 0;
                    for (int j = 0; j < span; j++) {
                        double input = x[2 + i / entries * span + j];
                        int code = i % entries >> j * bits & (1 << bits) - 1;
                        sum += input * values[code] - Math.min(input * least, input * most);
                    }
                    assertThat(Math.abs((expected[i] & 0xff) * (double) unit - sum))
                            .isLessThanOrEqualTo(0.52 * unit);
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 15, 16, 17, 64, 256})
    void boundsAndQuantizes(int count) {
        LookupKernels vector = kernels(LookupShape.LARGE_TABLE);
        Random random = new Random(count);
        float[] values = new float[count + 3];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        for (boolean withNaN : new boolean[] {false, true}) {
            if (withNaN) {
                values[3 + count / 2] = Float.NaN;
            }
            float[] expected = new float[2];
            float[] actual = new float[2];
            scalar.bounds(values, 3, count, expected);
            vector.bounds(values, 3, count, actual);
            assertThat(actual).isEqualTo(expected);
            if (withNaN) {
                assertThat(actual).containsOnly(Float.NaN);
                return;
            }
            float perUnit = LookupKernels.RANGE / (expected[1] - expected[0]);
            byte[] table = new byte[count + 2];
            byte[] other = table.clone();
            scalar.quantize(values, 3, count, expected[0], perUnit, table, 2);
            vector.quantize(values, 3, count, expected[0], perUnit, other, 2);
            assertThat(other).isEqualTo(table);
            assertThat(table).contains((byte) 0, (byte) 255);
        }
    }
}
