package dev.lowbit.matrix.lookup;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The definition. */
final class ScalarLookupKernels implements LookupKernels {
    private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT_UNALIGNED;

    @Override
    public void multiply(
            MemorySegment codes,
            long codesAt,
            int lookups,
            byte[] tables,
            int entries,
            MemorySegment scales,
            long scalesAt,
            float unit,
            float base,
            short[] sums,
            float[] y,
            int yFrom,
            int blocks) {
        for (int i = 0; i < blocks * LookupShape.BLOCK_ROWS; i++) {
            int block = i / LookupShape.BLOCK_ROWS;
            int row = i % LookupShape.BLOCK_ROWS;
            long at = codesAt + (long) block * lookups * LookupShape.BLOCK_ROWS + LookupKernels.byteOf(row);
            int sum = 0;
            for (int lookup = 0; lookup < lookups; lookup++) {
                byte code = codes.get(ValueLayout.JAVA_BYTE, at + (long) lookup * LookupShape.BLOCK_ROWS);
                sum += tables[lookup * entries + (code & entries - 1)] & 0xff;
            }
            float scale = bf16(scales, scalesAt, block, row);
            y[yFrom + i] = Math.fma(Math.fma((float) sum, unit, base), scale, y[yFrom + i]);
        }
    }

    @Override
    public void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        for (int i = 0; i < blocks * LookupShape.BLOCK_ROWS; i++) {
            float offset = bf16(offsets, offsetsAt, i / LookupShape.BLOCK_ROWS, i % LookupShape.BLOCK_ROWS);
            y[yFrom + i] = Math.fma(offset, inputs, y[yFrom + i]);
        }
    }

    private static float bf16(MemorySegment values, long at, int block, int row) {
        long slot = (long) block * LookupShape.BLOCK_ROWS + LookupKernels.shortOf(row);
        return Float.intBitsToFloat(values.get(BF16, at + slot * Short.BYTES) << Short.SIZE);
    }

    @Override
    public void codeTables(
            float[] x,
            int xFrom,
            int lookups,
            int bits,
            float[] levels,
            float least,
            float most,
            float perUnit,
            byte[] tables) {
        int span = Byte.SIZE / bits;
        int entries = 1 << span * bits;
        for (int lookup = 0; lookup < lookups; lookup++) {
            for (int i = 0; i < entries; i++) {
                int steps = HALF;
                for (int j = 0; j < span; j++) {
                    float input = x[xFrom + lookup * span + j];
                    float level = levels[i >> j * bits & (1 << bits) - 1];
                    steps += fixed(input * level, Math.min(input * least, input * most), perUnit);
                }
                tables[lookup * entries + i] = (byte) (steps / FRACTION);
            }
        }
    }

    private static int fixed(float value, float least, float perUnit) {
        return (int) ((value - least) * perUnit + 0.5f);
    }

    @Override
    public void bounds(float[] values, int from, int count, float[] bounds) {
        float least = Float.POSITIVE_INFINITY;
        float most = Float.NEGATIVE_INFINITY;
        for (int i = from; i < from + count; i++) {
            least = Math.min(least, values[i]);
            most = Math.max(most, values[i]);
        }
        bounds[0] = least;
        bounds[1] = most;
    }

    @Override
    public void quantize(float[] values, int from, int count, float least, float perUnit, byte[] tables, int table) {
        for (int i = 0; i < count; i++) {
            tables[table + i] = (byte) fixed(values[from + i], least, perUnit);
        }
    }
}
