package dev.lowbit.matrix.lookup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.kernel.VectorWidth;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
            bytes.set(LookupKernels.byteOf(row));
            shorts.set(LookupKernels.shortOf(row));
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
