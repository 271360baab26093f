package dev.lowbit.matrix.block;

import dev.lowbit.kernel.VectorWidth;
import dev.lowbit.matrix.packed.CodeLanes;
import dev.lowbit.matrix.packed.PackedCodes;
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
            float[] out,
            int outIndex) {
        int bits = table.bits;
        IntVector shifts = CodeLanes.shifts(bits, bitOffset);
        IntVector upper = shifts.add(WIDTH * bits);
        IntVector low = FloatVector.fromArray(F, table.cyclic, 0).reinterpretAsInts();
        IntVector high =
                FloatVector.fromArray(F, table.cyclic, CodeTable.CYCLE - WIDTH).reinterpretAsInts();
        boolean two = 1 << bits > WIDTH;
        int first = bitOffset / Byte.SIZE;
        int block = scalesOffset;
        for (int start = 0; start < length; start += groupSize) {
            float scale = scales[block++];
            int end = Math.min(length, start + groupSize);
            int whole = start + (end - start) / STEP * STEP;
            for (int i = start; i < whole; i += STEP) {
                // eight codes to a word
                IntVector words = CodeLanes.words(packed, first + (i >>> 3) * bits, bits);
                CodeLanes.value(words.lanewise(VectorOperators.LSHR, shifts), low, high, two)
                        .mul(scale)
                        .intoArray(out, outIndex + i);
                if (WIDTH < STEP) {
                    CodeLanes.value(words.lanewise(VectorOperators.LSHR, upper), low, high, two)
                            .mul(scale)
                            .intoArray(out, outIndex + i + WIDTH);
                }
            }
            for (int i = whole; i < end; i++) {
                int code = PackedCodes.codeAt(packed, bitOffset + i * bits, bits);
                out[outIndex + i] = table.values[code] * scale;
            }
        }
    }
}
