package dev.lowbit.matrix.sketch;

import dev.lowbit.matrix.packed.PackedCodes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The formulas as they stand: what every other implementation is tested against. */
final class ScalarSketchKernels implements SketchKernels {
    @Override
    public void decode(
            byte[] packed, int bitOffset, int count, int bits, float[] table, MemorySegment out, long outIndex) {
        decode(packed, bitOffset, 0, count, bits, table, out, outIndex);
    }

    /** Codes {@code from} to {@code to} of a group. */
    static void decode(
            byte[] packed, int bitOffset, int from, int to, int bits, float[] table, MemorySegment out, long outIndex) {
        for (int i = from; i < to; i++) {
            int code = PackedCodes.codeAt(packed, bitOffset + (long) i * bits, bits);
            out.setAtIndex(ValueLayout.JAVA_FLOAT, outIndex + i, table[code]);
        }
    }

    @Override
    public void dot(
            byte[] packed, int bitOffset, int count, int bits, float[] table, float[] x, int xOffset, float[] lanes) {
        dot(packed, bitOffset, 0, count, bits, table, x, xOffset, lanes);
    }

    /** Codes {@code from} to {@code to} of a group. */
    static void dot(
            byte[] packed,
            int bitOffset,
            int from,
            int to,
            int bits,
            float[] table,
            float[] x,
            int xOffset,
            float[] lanes) {
        for (int i = from; i < to; i++) {
            int code = PackedCodes.codeAt(packed, bitOffset + (long) i * bits, bits);
            lanes[i % LANES] = Math.fma(table[code], x[xOffset + i], lanes[i % LANES]);
        }
    }
}
