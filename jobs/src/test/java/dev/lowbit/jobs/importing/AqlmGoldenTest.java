package dev.lowbit.jobs.importing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.export.PlainAqlm;
import dev.lowbit.jobs.export.PlainGptq;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.Verifier;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Layers that the published code quantized, in half floats and small integers as it publishes them. */
class AqlmGoldenTest {
    private static final String FOLDER = "golden/pv-tuning";

    @TempDir
    private Path folder;

    /** A layer of a golden file. */
    record Case(Path file, String name) {
        @Override
        public String toString() {
            return file.getFileName() + " " + name;
        }
    }

    static List<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (String prefix : List.of("dequant", "full_layer")) {
            for (Path path : SharedData.files(FOLDER, prefix, ".safetensors")) {
                try (GoldenFile file = new GoldenFile(path)) {
                    file.prefixes("codes").forEach(name -> cases.add(new Case(path, name)));
                }
            }
        }
        return cases;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void isImportedToItsBits(Case golden) throws IOException {
        try (GoldenFile file = new GoldenFile(golden.file())) {
            String name = golden.name();
            boolean ofRows = file.shape(name + ".scales").get(1) == 1;
            if (!ofRows) {
                System.out.println("skipped: " + golden + " has scales of groups, which the layout has not");
            }
            assumeTrue(ofRows, "a scale for each row of tiles");
            Path model = write(file, name);
            Path out = folder.resolve("out");
            Lowbit run = Lowbit.run("import", model, "--out", out, "--quiet");
            assertThat(run.code()).as(run.err()).isZero();
            assertThat(Verifier.verify(out)).isEmpty();
            try (Checkpoint published = Checkpoint.open(model);
                    CompressedModel imported = CompressedModel.open(out)) {
                int[] bits = PlainGptq.bits(imported.matrix("a.weight"));
                assertThat(bits).isEqualTo(PlainAqlm.decode(published, "a"));
                if (file.has(name + ".weight")) {
                    requireNear(bits, file, name);
                }
            }
        }
    }

    private Path write(GoldenFile file, String name) throws IOException {
        TensorFolder tensors = new TensorFolder();
        List<Long> books = file.shape(name + ".codebooks");
        int bits = Long.numberOfTrailingZeros(books.get(1));
        double[] codes = file.numbers(name + ".codes");
        byte[] bytes = new byte[codes.length];
        short[] shorts = new short[codes.length];
        for (int i = 0; i < codes.length; i++) {
            // two's complement of B bits, in the smallest integer that holds them
            shorts[i] = (short) ((int) codes[i] << Integer.SIZE - bits >> Integer.SIZE - bits);
            bytes[i] = (byte) shorts[i];
        }
        put(tensors, "a.codebooks", halves(file.floats(name + ".codebooks")), books);
        put(tensors, "a.scales", halves(file.floats(name + ".scales")), file.shape(name + ".scales"));
        long[] shape = dimensions(file.shape(name + ".codes"));
        if (bits > Byte.SIZE) {
            tensors.put("a.codes", DType.I16, MemorySegment.ofArray(shorts), shape);
        } else {
            tensors.put("a.codes", DType.I8, MemorySegment.ofArray(bytes), shape);
        }
        String config = "{\"quantization_config\": {\"quant_method\": \"aqlm\", \"num_codebooks\": " + books.get(0)
                + ", \"nbits_per_codebook\": " + bits + ", \"out_group_size\": " + books.get(2)
                + ", \"in_group_size\": " + books.get(3) + "}}";
        return tensors.write(folder.resolve("model"), "config.json", config);
    }

    private static void put(TensorFolder tensors, String name, short[] halves, List<Long> shape) {
        tensors.put(name, DType.F16, MemorySegment.ofArray(halves), dimensions(shape));
    }

    private static long[] dimensions(List<Long> shape) {
        return shape.stream().mapToLong(Long::longValue).toArray();
    }

    private static short[] halves(float[] values) {
        short[] halves = new short[values.length];
        for (int i = 0; i < values.length; i++) {
            halves[i] = Float.floatToFloat16(values[i]);
        }
        return halves;
    }

    /** The original's weights are of float scales s and codewords c: rounding both to F16 changes s Σ c by 2^-10 s Σ |c| and a little. */
    private static void requireNear(int[] bits, GoldenFile file, String name) {
        float[] expected = file.floats(name + ".weight");
        List<Long> books = file.shape(name + ".codebooks");
        float largestScale = largest(file.floats(name + ".scales"));
        float largestWord = largest(file.floats(name + ".codebooks"));
        double tolerance = 1.01 * 0x1p-10 * largestScale * largestWord * books.get(0) + 1e-6;
        for (int i = 0; i < bits.length; i++) {
            assertThat((double) Math.abs(Float.intBitsToFloat(bits[i]) - expected[i]))
                    .as("%s, weight %d", name, i)
                    .isLessThanOrEqualTo(tolerance);
        }
    }

    private static float largest(float[] values) {
        float largest = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }
}
