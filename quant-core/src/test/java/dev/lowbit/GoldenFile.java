package dev.lowbit;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A safetensors file of golden data, its tensors as arrays. */
public final class GoldenFile implements AutoCloseable {
    private final SafetensorsFile file;

    public GoldenFile(Path path) {
        file = SafetensorsFile.open(path, Limits.defaults());
    }

    public Set<String> names() {
        return file.byName().keySet();
    }

    public boolean has(String name) {
        return file.byName().containsKey(name);
    }

    public Map<String, String> metadata() {
        return file.metadata();
    }

    /** The prefixes of all tensors named {@code <prefix>.<suffix>}, in order. */
    public Set<String> prefixes(String suffix) {
        Set<String> found = new LinkedHashSet<>();
        for (String name : names()) {
            if (name.endsWith("." + suffix)) {
                found.add(name.substring(0, name.length() - suffix.length() - 1));
            }
        }
        return found;
    }

    public float[] floats(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return file.map(name, arena).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
        }
    }

    public int[] ints(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return file.map(name, arena).toArray(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN));
        }
    }

    public byte[] bytes(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return file.map(name, arena).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    public List<Long> shape(String name) {
        return file.byName().get(name).shape();
    }

    /** A tensor of any numeric type of 16 bits or more as doubles. */
    public double[] numbers(String name) {
        ByteBuffer bytes = ByteBuffer.wrap(bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
        TensorInfo info = file.byName().get(name);
        double[] values = new double[Math.toIntExact(info.elements())];
        for (int i = 0; i < values.length; i++) {
            values[i] = switch (info.type()) {
                case F64 -> bytes.getDouble();
                case F32 -> bytes.getFloat();
                case I64 -> bytes.getLong();
                case I32 -> bytes.getInt();
                case I16 -> bytes.getShort();
                default -> throw new IllegalArgumentException(name + " is " + info.type());
            };
        }
        return values;
    }

    public FloatMatrix matrix(String name) {
        List<Long> shape = file.byName().get(name).shape();
        return FloatMatrix.wrap(Math.toIntExact(shape.get(0)), Math.toIntExact(shape.get(1)), floats(name));
    }

    /** The numbers of a JSON list of decimal strings. */
    public static double[] decimals(String json) {
        List<Double> numbers = new ArrayList<>();
        for (String item : json.replaceAll("[\\[\\]\" ]", "").split(",")) {
            numbers.add(Double.parseDouble(item));
        }
        return numbers.stream().mapToDouble(Double::doubleValue).toArray();
    }

    @Override
    public void close() {
        file.close();
    }
}
