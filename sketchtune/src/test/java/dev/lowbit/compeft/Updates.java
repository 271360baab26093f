package dev.lowbit.compeft;

import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Updates and vectors to test with. */
final class Updates {
    private Updates() {}

    /** A one-dimensional tensor of so many values, rounded to the type. */
    static UpdateTensor tensor(String name, DType type, double... values) {
        return tensor(name, type, List.of((long) values.length), values);
    }

    static UpdateTensor tensor(String name, DType type, List<Long> shape, double... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length * type.bytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (double value : values) {
            switch (type) {
                case F64 -> bytes.putDouble(value);
                case F32 -> bytes.putFloat((float) value);
                case F16 -> bytes.putShort(Float.floatToFloat16((float) value));
                // cut, not rounded: a value of the type all the same
                case BF16 -> bytes.putShort((short) (Float.floatToRawIntBits((float) value) >>> 16));
                default -> throw new IllegalArgumentException(type.toString());
            }
        }
        return new UpdateTensor(name, type, shape, MemorySegment.ofArray(bytes.array()));
    }

    /** The exact values of a tensor. */
    static double[] values(UpdateTensor tensor) {
        double[] values = new double[(int) tensor.elements()];
        Elements.read(tensor.type(), tensor.data(), 0, values, 0, values.length);
        return values;
    }

    /** The floats that a tensor decodes to. */
    static float[] decode(TernaryTensor tensor) {
        float[] values = new float[(int) tensor.elements()];
        tensor.decode(DType.F32, MemorySegment.ofArray(values));
        return values;
    }

    static double[] gaussian(long seed, int count) {
        RandomStream random = RandomStream.of(seed, "compeft", "");
        double[] values = new double[count];
        for (int i = 0; i < count; i++) {
            values[i] = 0.01 * random.nextGaussian();
        }
        return values;
    }

    /** Signs at random positions, each taken with probability p. */
    static byte[] signs(long seed, int count, double p) {
        RandomStream random = RandomStream.of(seed, "signs", "");
        byte[] signs = new byte[count];
        for (int i = 0; i < count; i++) {
            if (random.nextDouble() < p) {
                signs[i] = (byte) (random.nextLong() < 0 ? -1 : 1);
            }
        }
        return signs;
    }

    /** The same signs as of {@code vector}. */
    static byte[] signs(TernaryVector vector) {
        byte[] signs = new byte[(int) vector.length()];
        for (int i = 0; i < signs.length; i++) {
            signs[i] = (byte) vector.sign(i);
        }
        return signs;
    }

    /** A whole vector as a tensor. */
    static TernaryTensor whole(byte[] signs, List<Long> shape, float scale) {
        return new TernaryTensor("t", DType.F32, shape, TernaryVector.of(signs), 0, scale, 0, 0);
    }
}
