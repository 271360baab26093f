package dev.lowbit.transformer;

import dev.lowbit.GoldenFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Double tensors of golden files. */
final class Doubles {
    private Doubles() {}

    static double[] of(GoldenFile file, String name) {
        ByteBuffer bytes = ByteBuffer.wrap(file.bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
        double[] values = new double[bytes.remaining() / Double.BYTES];
        bytes.asDoubleBuffer().get(values);
        return values;
    }
}
