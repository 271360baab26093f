package dev.lowbit.matrix.sketch;

import dev.lowbit.kernel.FloatSpan;
import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.packed.CodeLanes;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The verbs in SIMD, bit-equal to {@link ScalarSketchKernels}: the table stays in one or two registers and is permuted by the codes. Where it does not
 * fit two (four lanes and 4 bits), and at the end of a group, the scalar way.
 */
final class VectorSketchKernels implements SketchKernels {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final int WIDTH = F.length();

    @Override
    public void decode(
            byte[] packed, int bitOffset, int count, int bits, float[] table, MemorySegment out, long outIndex) {
        int whole = CodeLanes.holds(bits) ? count / WIDTH * WIDTH : 0;
        if (whole > 0) {
            IntVector shifts = CodeLanes.shifts(bits, bitOffset);
            IntVector low = FloatVector.fromArray(F, table, 0).reinterpretAsInts();
            IntVector high = FloatVector.fromArray(F, table, LANES - WIDTH).reinterpretAsInts();
            // with four lanes and 3 bits the upper half of a table of 8 is its second register
            boolean two = 1 << bits > WIDTH;
            FloatSpan floats = FloatSpan.of(out, outIndex, count);
            for (int i = 0; i < whole; i += WIDTH) {
                IntVector index = CodeLanes.codes(packed, bitOffset, i, bits, shifts);
                floats.store(i, CodeLanes.value(index, low, high, two));
            }
        }
        ScalarSketchKernels.decode(packed, bitOffset, whole, count, bits, table, out, outIndex);
    }

    @Override
    public void dot(
            byte[] packed, int bitOffset, int count, int bits, float[] table, float[] x, int xOffset, float[] lanes) {
        int whole = CodeLanes.holds(bits) ? count / LANES * LANES : 0;
        if (whole > 0) {
            for (int lane = 0; lane < LANES; lane += WIDTH) {
                dotOfLanes(packed, bitOffset, whole, bits, table, x, xOffset, lanes, lane);
            }
        }
        ScalarSketchKernels.dot(packed, bitOffset, whole, count, bits, table, x, xOffset, lanes);
    }

    private static void dotOfLanes(
            byte[] packed,
            int bitOffset,
            int count,
            int bits,
            float[] table,
            float[] x,
            int xOffset,
            float[] lanes,
            int lane) {
        IntVector shifts = CodeLanes.shifts(bits, bitOffset);
        IntVector low = FloatVector.fromArray(F, table, 0).reinterpretAsInts();
        IntVector high = FloatVector.fromArray(F, table, LANES - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        FloatVector sum = FloatVector.fromArray(F, lanes, lane);
        for (int i = lane; i < count; i += LANES) {
            IntVector index = CodeLanes.codes(packed, bitOffset, i, bits, shifts);
            sum = CodeLanes.value(index, low, high, two).fma(FloatVector.fromArray(F, x, xOffset + i), sum);
        }
        sum.intoArray(lanes, lane);
    }
}
