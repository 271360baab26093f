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
            long at = codesAt + (long) block * lookups * LookupShape.BLOCK_ROWS + DomainKernels.byteOf(row);
            int sum = 0;
            for (int lookup = 0; lookup < lookups; lookup++) {
                byte code = codes.get(ValueLayout.JAVA_BYTE, at + (long) lookup * LookupShape.BLOCK_ROWS);
                sum += found(code, tables, lookup * entries, entries);
            }
            float scale = bf16(scales, scalesAt, block, row);
            y[yFrom + i] = Math.fma(Math.fma((float) sum, unit, base), scale, y[yFrom + i]);
        }
    }

    private static int found(byte code, byte[] tables, int table, int entries) {
        if (entries == LookupShape.HALF_TABLES) {
            int upper = table + LookupShape.HALF_TABLES / 2;
            return (tables[table + (code & 15)] & 0xff) + (tables[upper + (code >> 4 & 15)] & 0xff);
        }
        return tables[table + (code & entries - 1)] & 0xff;
    }

    @Override
    public void addOffsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        offsets(offsets, offsetsAt, inputs, y, yFrom, blocks);
    }

    static void offsets(MemorySegment offsets, long offsetsAt, float inputs, float[] y, int yFrom, int blocks) {
        for (int i = 0; i < blocks * LookupShape.BLOCK_ROWS; i++) {
            float offset = bf16(offsets, offsetsAt, i / LookupShape.BLOCK_ROWS, i % LookupShape.BLOCK_ROWS);
            y[yFrom + i] = Math.fma(offset, inputs, y[yFrom + i]);
        }
    }

    static float bf16(MemorySegment values, long at, int block, int row) {
        long slot = (long) block * LookupShape.BLOCK_ROWS + DomainKernels.shortOf(row);
        return Float.intBitsToFloat(values.get(BF16, at + slot * Short.BYTES) << Short.SIZE);
    }

    @Override
    public void codeTables(
            float[] x,
            int xFrom,
            int count,
            int span,
            int entries,
            int bits,
            float[] levels,
            float least,
            float most,
            float perUnit,
            byte[] tables) {
        for (int table = 0; table < count; table++) {
            for (int i = 0; i < entries; i++) {
                int steps = HALF;
                for (int j = 0; j < span; j++) {
                    float input = x[xFrom + table * span + j];
                    float level = levels[i >> j * bits & (1 << bits) - 1];
                    steps += LookupKernels.fixed(input * level, Math.min(input * least, input * most), perUnit);
                }
                tables[table * entries + i] = (byte) (steps / FRACTION);
            }
        }
    }
}
