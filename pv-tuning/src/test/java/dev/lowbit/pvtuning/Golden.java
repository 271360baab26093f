package dev.lowbit.pvtuning;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;
import java.util.List;

/** The golden data of this module: files by prefix, cases by the grammar of their tensors' names. */
final class Golden {
    private Golden() {}

    static List<Path> files(String prefix) {
        return SharedData.files("golden/pv-tuning", prefix, ".safetensors");
    }

    /** The file of the same set with another name. */
    static Path sibling(Path file, String name) {
        return file.resolveSibling(name + ".safetensors");
    }

    /** The layer that a case is about: its name starts with {@code <layer>_}. */
    static Path layer(Path file, String name) {
        return sibling(file, "layer_" + name.substring(0, name.indexOf('_')));
    }

    /** W and H of a layer's file. */
    static LayerProblem problem(GoldenFile layer, Workers workers) {
        int columns = layer.shape("W").get(1).intValue();
        return new LayerProblem(layer.numbers("W"), DenseMoment.of(layer.numbers("H"), columns), workers);
    }

    /**
     * Additive weights stored as {@code <prefix>.codebooks} [K, M, go, gi], {@code .scales} [P, 1 or Q, 1, 1] and {@code .codes} [P, Q, K].
     *
     * @param codes the codes' full name, which need not have the prefix
     */
    static AdditiveWeights weights(GoldenFile file, String prefix, String codes, GoldenFile codesFile) {
        List<Long> books = file.shape(prefix + ".codebooks");
        List<Long> shape = codesFile.shape(codes);
        int outGroup = books.get(2).intValue();
        int inGroup = books.get(3).intValue();
        Tiling tiling =
                new Tiling(shape.get(0).intValue() * outGroup, shape.get(1).intValue() * inGroup, outGroup, inGroup);
        return new AdditiveWeights(
                tiling,
                books.get(0).intValue(),
                books.get(1).intValue(),
                file.numbers(prefix + ".codebooks"),
                codes(codesFile, codes),
                file.numbers(prefix + ".scales"));
    }

    static AdditiveWeights weights(GoldenFile file, String prefix) {
        return weights(file, prefix, prefix + ".codes", file);
    }

    static int[] codes(GoldenFile file, String name) {
        double[] numbers = file.numbers(name);
        int[] codes = new int[numbers.length];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (int) numbers[i];
        }
        return codes;
    }
}
