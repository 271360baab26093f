package dev.lowbit.int2lrec;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The golden data of this module: files by prefix, cases by the grammar of their tensors' names. */
final class Golden {
    private static final Pattern QUANTIZER =
            Pattern.compile("(gptq|rtn)_b(\\d+)_g(\\d+|row)(?:_act([01])_static([01]))?(_sym)?(_mse)?");

    private Golden() {}

    static List<Path> files(String prefix) {
        return SharedData.files("golden/int2-lrec", prefix, ".safetensors");
    }

    /** The file beside {@code file} whose name differs in the part before the first underscore. */
    static Path sibling(Path file, String prefix) {
        String name = file.getFileName().toString();
        return file.resolveSibling(prefix + name.substring(name.indexOf('_')));
    }

    /** All case names of tensors {@code <case>/<tensor>} that start with {@code prefix}. */
    static List<String> cases(GoldenFile file, String prefix, String tensor) {
        return file.names().stream()
                .filter(name -> name.startsWith(prefix) && name.endsWith("/" + tensor))
                .map(name -> name.substring(0, name.length() - tensor.length() - 1))
                .sorted()
                .toList();
    }

    static double[] doubles(GoldenFile file, String name) {
        ByteBuffer bytes = ByteBuffer.wrap(file.bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
        double[] values = new double[bytes.remaining() / Double.BYTES];
        bytes.asDoubleBuffer().get(values);
        return values;
    }

    static double number(GoldenFile file, String name) {
        return doubles(file, name)[0];
    }

    /** What the name of a quantizer's case says. */
    record Case(AffineGrid grid, int groupSize, boolean actOrder, boolean staticGroups, boolean symmetric) {
        static Case parse(String name) {
            Matcher matcher = QUANTIZER.matcher(name);
            if (!matcher.matches()) {
                throw new IllegalArgumentException(name + " is no case of a quantizer");
            }
            boolean symmetric = matcher.group(6) != null;
            AffineGrid grid = new AffineGrid(
                    Integer.parseInt(matcher.group(2)),
                    symmetric ? AffineGrid.Range.SYMMETRIC_AS_PUBLISHED : AffineGrid.Range.ASYMMETRIC,
                    matcher.group(7) != null,
                    DType.F32);
            int groupSize = matcher.group(3).equals("row") ? 0 : Integer.parseInt(matcher.group(3));
            return new Case(
                    grid,
                    groupSize,
                    "1".equals(matcher.group(4)),
                    matcher.group(4) == null || "1".equals(matcher.group(5)),
                    symmetric);
        }

        GptqSettings settings() {
            GptqSettings published = GptqSettings.published(grid, groupSize);
            return new GptqSettings(
                    grid, groupSize, actOrder, staticGroups, false, published.damping(), published.blockWidth());
        }
    }

    /** The codes stored as {@code <prefix><separator>codes}, ...scale, ...zero. */
    static AffineCodes codes(GoldenFile file, String prefix, FloatMatrix shape, int bits, int groupSize) {
        float[] zeros = file.floats(prefix + "zero");
        int[] whole = new int[zeros.length];
        for (int i = 0; i < zeros.length; i++) {
            whole[i] = (int) zeros[i];
        }
        String gidx = prefix + "gidx";
        return new AffineCodes(
                shape.rows(),
                shape.columns(),
                bits,
                AffineCodes.resolve(groupSize, shape.columns()),
                file.bytes(prefix + "codes"),
                file.floats(prefix + "scale"),
                whole,
                file.has(gidx) ? file.ints(gidx) : new int[0]);
    }

    /** The share of equal codes. */
    static double agreement(byte[] ours, byte[] theirs) {
        int equal = 0;
        for (int i = 0; i < ours.length; i++) {
            equal += ours[i] == theirs[i] ? 1 : 0;
        }
        return (double) equal / theirs.length;
    }
}
