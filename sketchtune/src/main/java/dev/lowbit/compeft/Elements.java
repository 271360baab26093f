package dev.lowbit.compeft;

import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The element types that updates have, read exactly: every value of each is a double. Little-endian, unaligned. */
final class Elements {
    static final ValueLayout.OfDouble DOUBLE = ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfFloat FLOAT =
            ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfShort SHORT =
            ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private Elements() {}

    /** Whether updates may have this type. */
    static boolean isSupported(DType type) {
        return switch (type) {
            case F32, F16, BF16, F64 -> true;
            default -> false;
        };
    }

    /**
     * Reads elements {@code from} to {@code from + count - 1}.
     *
     * @param source not modified
     * @param target modified: {@code count} values from {@code at} on
     */
    static void read(DType type, MemorySegment source, long from, double[] target, int at, int count) {
        switch (type) {
            case F32 -> {
                for (int i = 0; i < count; i++) {
                    target[at + i] = source.get(FLOAT, (from + i) * Float.BYTES);
                }
            }
            case F16 -> {
                for (int i = 0; i < count; i++) {
                    target[at + i] = Float.float16ToFloat(source.get(SHORT, (from + i) * Short.BYTES));
                }
            }
            case BF16 -> {
                for (int i = 0; i < count; i++) {
                    target[at + i] = Float.intBitsToFloat(source.get(SHORT, (from + i) * Short.BYTES) << 16);
                }
            }
            case F64 -> {
                for (int i = 0; i < count; i++) {
                    target[at + i] = source.get(DOUBLE, (from + i) * Double.BYTES);
                }
            }
            default -> throw new IllegalArgumentException(type + " is no type of updates");
        }
    }
}
