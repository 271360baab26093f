package dev.lowbit.lqlora;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One file of the golden data of LQ-LoRA. */
final class Golden implements AutoCloseable {
    private static final String FOLDER = "golden/lq-lora";
    private static final Pattern KEY = Pattern.compile("b(\\d)_s(\\d)_(bf16|fp16|fp32)_B(\\d+)x(\\d+)");

    private final Path file;
    private final SafetensorsFile tensors;

    private Golden(Path file) {
        this.file = file;
        this.tensors = SafetensorsFile.open(file, Limits.defaults());
    }

    static Golden open(String name) {
        return new Golden(SharedData.folder(FOLDER).resolve(name + ".safetensors"));
    }

    static List<Path> files(String prefix) {
        return SharedData.files(FOLDER, prefix, ".safetensors");
    }

    static Golden open(Path file) {
        return new Golden(file);
    }

    /** The quantizer configurations of the file, by key; in the flat layout of the reference. */
    static Map<String, BlockFormat> formats(Iterable<String> names) {
        Map<String, BlockFormat> formats = new LinkedHashMap<>();
        for (String name : names) {
            Matcher m = KEY.matcher(name);
            if (m.lookingAt()) {
                String id = "nf" + m.group(1) + "-g" + m.group(4) + "-s" + m.group(2) + "x" + m.group(5) + "-"
                        + m.group(3) + "-flat";
                formats.put(m.group(), BlockFormat.parse(id));
            }
        }
        return formats;
    }

    List<String> names() {
        return new ArrayList<>(tensors.byName().keySet());
    }

    boolean has(String name) {
        return tensors.byName().containsKey(name);
    }

    boolean hasMeta(String key) {
        return tensors.metadata().containsKey(key);
    }

    double meta(String key) {
        return Double.parseDouble(tensors.metadata().get(key));
    }

    Map<String, String> metadata() {
        return tensors.metadata();
    }

    byte[] bytes(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return tensors.map(name, arena).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    int[] ints(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return tensors.map(name, arena).toArray(ValueLayout.JAVA_INT_UNALIGNED);
        }
    }

    float[] floats(String name) {
        try (Arena arena = Arena.ofConfined()) {
            return tensors.map(name, arena).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        }
    }

    FloatMatrix matrix(String name) {
        List<Long> shape = tensors.byName().get(name).shape();
        return FloatMatrix.wrap(Math.toIntExact(shape.get(0)), Math.toIntExact(shape.get(1)), floats(name));
    }

    @Override
    public String toString() {
        return file.getFileName().toString();
    }

    @Override
    public void close() {
        tensors.close();
    }
}
