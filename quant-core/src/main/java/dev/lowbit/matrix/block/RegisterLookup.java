package dev.lowbit.matrix.block;

import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.packed.CodeLanes;
import dev.lowbit.matrix.packed.PackedCodes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorSpecies;

/** Decodes codes of up to 4 bits whose values fit two vector registers ({@link CodeLanes}). */
final class RegisterLookup {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final int WIDTH = F.length();

    private RegisterLookup() {}

    /** Whether every block of a piece starts a whole number of words after the first, as {@link #dequantize} and a product need. */
    static boolean keepsAlignment(int groupSize, int length) {
        return groupSize % CodeLanes.WORD_CODES == 0 || groupSize >= length;
    }

    /** {@link BlockKernels#dequantize}. */
    static void dequantize(
            byte[] packed,
            int bitOffset,
            int length,
            int groupSize,
            float[] scales,
            int scalesOffset,
            CodeTable table,
            MemorySegment out,
            long outIndex) {
        int bits = table.bits;
        IntVector shifts = CodeLanes.shifts(bits, bitOffset);
        IntVector low = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        IntVector high =
                FloatVector.fromArray(F, table.cyclic, CodeTable.CYCLE - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        int block = scalesOffset;
        for (int start = 0; start < length; start += groupSize) {
            float scale = scales[block++];
            FloatVector factor = FloatVector.broadcast(F, scale);
            int end = Math.min(length, start + groupSize);
            int i = start;
            for (; i + WIDTH <= end; i += WIDTH) {
                IntVector index = CodeLanes.codes(packed, bitOffset, i, bits, shifts);
                CodeLanes.value(index, low, high, two)
                        .mul(factor)
                        .intoMemorySegment(out, (outIndex + i) * Float.BYTES, ByteOrder.nativeOrder());
            }
            for (; i < end; i++) {
                int code = PackedCodes.codeAt(packed, bitOffset + i * bits, bits);
                out.setAtIndex(ValueLayout.JAVA_FLOAT, outIndex + i, table.values[code] * scale);
            }
        }
    }
}
