package dev.lowbit.matrix.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.codebook.Codebook;
import dev.lowbit.codebook.NormalFloat;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What the reference's own code computed for real inputs, bit for bit. */
@Tag("kernels")
class BlockQuantizerGoldenTest {
    private static final Pattern KEY = Pattern.compile("b(\\d)_s(\\d)_(\\w+)_B(\\d+)x(\\d+)");
    private static final String[] GRID_TYPES = {"bf16", "fp16", "fp32"};

    /** Golden errors come from another summation order: 1e-5 is 100 times the rounding of a few thousand double additions of floats. */
    private static final Percentage ERROR_TOLERANCE = Percentage.withPercentage(1e-3);

    /** An ulp of difference between the codebooks moves a few codes (golden README: 1e-4 relative). */
    private static final Percentage GRID_TOLERANCE = Percentage.withPercentage(1e-2);

    @Test
    void everyConfigurationOfEveryFileIsBitEqual() {
        for (Path path : SharedData.files("golden/lq-lora", "quantize_", ".safetensors")) {
            try (GoldenFile golden = new GoldenFile(path)) {
                List<String> keys = List.copyOf(golden.prefixes("codes"));
                assertThat(keys).isNotEmpty();
                for (String key : keys) {
                    checkConfiguration(golden, key);
                }
            }
        }
    }

    private static void checkConfiguration(GoldenFile golden, String key) {
        BlockFormat format = format(key);
        FloatMatrix input = golden.matrix("input");
        // rows of whole blocks are cut alike, flattened or not
        boolean whole = input.columns() % format.groupSize() == 0;
        for (BlockFormat layout : whole ? List.of(format.flat(), format) : List.of(format.flat())) {
            BlockMatrix ours =
                    BlockQuantizer.quantize(input, layout, referenceTable(format.codeBits()), Workers.serial());
            assertThat(codes(ours)).as("%s codes", key).isEqualTo(golden.bytes(key + ".codes"));
            assertThat(ours.scales().codes()).as("%s scale codes", key).isEqualTo(golden.bytes(key + ".scale_codes"));
            assertBitEqual(key + ".super_scales", golden, ours.scales().superScales());
            assertBitEqual(key + ".offset", golden, new float[] {ours.scales().offset()});
            assertBitEqual(key + ".block_scales", golden, ours.scales().values());
            try (FloatMatrix dequantized = FloatMatrix.allocate(input.rows(), input.columns())) {
                ours.dequantize(0, dequantized, Workers.serial());
                if (golden.has(key + ".dequantized")) {
                    assertBitEqual(key + ".dequantized", golden, dequantized.toArray());
                }
                String error = golden.metadata().get(key + ".error_fro_sq");
                if (error != null) {
                    assertThat(squaredDifference(input, dequantized))
                            .isCloseTo(Double.parseDouble(error), ERROR_TOLERANCE);
                }
            }
            String bits = golden.metadata().get(key + ".storage_bits");
            if (bits != null) {
                assertThat(format.formulaBits(input.size())).isEqualTo(Double.parseDouble(bits));
                // The offset is stored but not in the formula.
                assertThat(ours.bytes()).isEqualTo((long) Math.ceil(Double.parseDouble(bits) / 8) + Float.BYTES);
            }
        }
    }

    @Test
    void all432GridErrorsAndSizes() {
        int grids = 0;
        for (Path path : SharedData.files("golden/lq-lora", "quantize_", ".safetensors")) {
            try (GoldenFile golden = new GoldenFile(path)) {
                if (golden.has("grid432.error_fro_sq")) {
                    checkGrid(golden, path);
                    grids++;
                }
            }
        }
        assumeTrue(grids > 0, "skipped: no input of these data has a grid");
    }

    private static void checkGrid(GoldenFile golden, Path path) {
        int[] configs = golden.ints("grid432.configs");
        float[] errors = golden.floats("grid432.error_fro_sq");
        int[] storage = golden.ints("grid432.storage_bits");
        FloatMatrix input = golden.matrix("input");
        List<BlockFormat> grid = BlockFormat.paperGrid();
        assertThat(grid).hasSize(errors.length);
        // the reference has no rows
        List<BlockFormat> flat = grid.stream().map(BlockFormat::flat).toList();
        double[] ours = BlockQuantizer.squaredErrors(input, Importance.uniform(), flat, Workers.serial());
        for (int i = 0; i < errors.length; i++) {
            BlockFormat format = grid.get(i);
            assertThat(format)
                    .isEqualTo(BlockFormat.parse("nf" + configs[5 * i] + "-g" + configs[5 * i + 3] + "-s"
                            + configs[5 * i + 1] + "x" + configs[5 * i + 4] + "-" + GRID_TYPES[configs[5 * i + 2]]));
            assertThat(ours[i]).as("%s of %s", format.id(), path.getFileName()).isCloseTo(errors[i], GRID_TOLERANCE);
            assertThat(format.formulaBits(input.size())).isEqualTo(storage[i]);
        }
    }

    @Test
    void ourOwnCodebookMovesAlmostNoCode() {
        for (Path path : SharedData.files("golden/lq-lora", "quantize_", ".safetensors")) {
            try (GoldenFile golden = new GoldenFile(path)) {
                for (String key : golden.prefixes("codes")) {
                    FloatMatrix input = golden.matrix("input");
                    byte[] ours =
                            codes(BlockQuantizer.quantize(input, format(key).flat(), Workers.serial()));
                    byte[] theirs = golden.bytes(key + ".codes");
                    int moved = 0;
                    int widest = 0;
                    for (int i = 0; i < ours.length; i++) {
                        int difference = Math.abs((ours[i] & 0xff) - (theirs[i] & 0xff));
                        moved += difference == 0 ? 0 : 1;
                        widest = Math.max(widest, difference);
                    }
                    assertThat(moved).as(key).isLessThanOrEqualTo((int) Math.ceil(1e-4 * ours.length));
                    assertThat(widest).as(key).isLessThanOrEqualTo(1);
                }
            }
        }
    }

    private static BlockFormat format(String key) {
        Matcher matcher = KEY.matcher(key);
        assertThat(matcher.matches()).as(key).isTrue();
        DType type = switch (matcher.group(3)) {
            case "fp32" -> DType.F32;
            case "fp16" -> DType.F16;
            default -> DType.BF16;
        };
        return new BlockFormat(
                CodebookKind.NF,
                Integer.parseInt(matcher.group(1)),
                Integer.parseInt(matcher.group(4)),
                new ScaleFormat.TwoLevel(Integer.parseInt(matcher.group(2)), Integer.parseInt(matcher.group(5)), type));
    }

    private static Codebook referenceTable(int bits) {
        try (GoldenFile golden =
                new GoldenFile(SharedData.folder("golden/lq-lora").resolve("codebooks.safetensors"))) {
            return NormalFloat.table(golden.floats("nf" + bits + ".values"), golden.floats("nf" + bits + ".midpoints"));
        }
    }

    private static byte[] codes(BlockMatrix matrix) {
        byte[] codes = new byte[matrix.rows() * matrix.columns()];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) matrix.code(i / matrix.columns(), i % matrix.columns());
        }
        return codes;
    }

    private static double squaredDifference(FloatMatrix a, FloatMatrix b) {
        double sum = 0;
        for (int i = 0; i < a.rows(); i++) {
            for (int j = 0; j < a.columns(); j++) {
                double difference = (double) a.get(i, j) - b.get(i, j);
                sum += difference * difference;
            }
        }
        return sum;
    }

    private static void assertBitEqual(String name, GoldenFile golden, float[] ours) {
        float[] expected = golden.floats(name);
        for (int i = 0; i < expected.length; i++) {
            // Both zeros are one value here: a negative code times a scale of 0, or the zero code.
            expected[i] += 0f;
        }
        float[] normalised = ours.clone();
        for (int i = 0; i < normalised.length; i++) {
            normalised[i] += 0f;
        }
        assertThat(normalised).as(name).isEqualTo(expected);
    }
}
