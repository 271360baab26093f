package dev.lowbit.matrix.block;

import dev.lowbit.kernel.FloatSpan;
import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.packed.CodeLanes;
import dev.lowbit.matrix.packed.PackedCodes;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;

/** Decodes codes of up to 4 bits whose values fit two vector registers ({@link CodeLanes}). */
final class RegisterLookup {
    private static final VectorSpecies<Float> F = VectorWidth.floats();
    private static final int WIDTH = F.length();

    /** Codes of a step: of whole words. */
    private static final int STEP = Math.max(WIDTH, CodeLanes.WORD_CODES);

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
        IntVector upper = shifts.add(WIDTH * bits);
        IntVector low = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        IntVector high =
                FloatVector.fromArray(F, table.cyclic, CodeTable.CYCLE - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        int first = bitOffset / Byte.SIZE;
        FloatSpan floats = FloatSpan.of(out, outIndex, length);
        int block = scalesOffset;
        for (int start = 0; start < length; start += groupSize) {
            float scale = scales[block++];
            int end = Math.min(length, start + groupSize);
            int whole = start + (end - start) / STEP * STEP;
            for (int i = start; i < whole; i += STEP) {
                // eight codes to a word
                IntVector words = CodeLanes.words(packed, first + (i >>> 3) * bits, bits);
                IntVector codes = words.lanewise(VectorOperators.LSHR, shifts);
                floats.store(i, CodeLanes.value(codes, low, high, two).mul(scale));
                if (WIDTH < STEP) {
                    codes = words.lanewise(VectorOperators.LSHR, upper);
                    floats.store(
                            i + WIDTH, CodeLanes.value(codes, low, high, two).mul(scale));
                }
            }
            for (int i = whole; i < end; i++) {
                int code = PackedCodes.codeAt(packed, bitOffset + i * bits, bits);
                out.setAtIndex(ValueLayout.JAVA_FLOAT, outIndex + i, table.values[code] * scale);
            }
        }
    }
}
