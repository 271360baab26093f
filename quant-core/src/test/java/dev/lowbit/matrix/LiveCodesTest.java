package dev.lowbit.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveSamples;
import dev.lowbit.matrix.additive.LiveAdditive;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineQuantizer;
import dev.lowbit.matrix.affine.LiveAffine;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.matrix.block.LiveBlocks;
import dev.lowbit.matrix.sketch.LiveSketch;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchSamples;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Codes that follow a target, in every representation that has any. */
class LiveCodesTest {
    private static final int ROWS = 11;
    private static final int COLUMNS = 37;
    private static final Workers SERIAL = Workers.serial();

    private final RandomStream random = RandomStream.of(8, "test", "codes");

    private FloatMatrix gaussian() {
        FloatMatrix m = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
        random.fillGaussian(m);
        return m;
    }

    private LiveCodes live(String format) {
        FloatMatrix weights = gaussian();
        return switch (MatrixFormats.parse(format)) {
            case AdditiveFormat additive -> new LiveAdditive(AdditiveSamples.matrix(weights, additive));
            case BlockFormat blocks -> new LiveBlocks(BlockQuantizer.quantize(weights, blocks, SERIAL));
            case AffineFormat affine ->
                new LiveAffine(AffineQuantizer.quantize(weights, Importance.uniform(), affine, SERIAL)
                        .matrix());
            case SketchFormat sketch -> new LiveSketch(SketchSamples.matrix(weights, sketch));
            default -> throw new IllegalArgumentException(format);
        };
    }

    private static FloatMatrix decoded(LiveCodes live) {
        FloatMatrix out = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
        live.dequantize(0, out, SERIAL);
        return out;
    }

    /** Squared distances of the tiles. */
    private static double[] distances(LiveCodes live, FloatMatrix target) {
        FloatMatrix weights = decoded(live);
        double[] distances = new double[live.tiles()];
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                int tile = i / live.outGroup() * live.tileColumns() + j / live.inGroup();
                distances[tile] += Math.pow((double) weights.get(i, j) - target.get(i, j), 2);
            }
        }
        return distances;
    }

    private static float[] codes(LiveCodes live) {
        FloatMatrix codes = FloatMatrix.wrap(1, live.codeCount(), new float[live.codeCount()]);
        live.readCodes(codes);
        return codes.toArray();
    }

    @ParameterizedTest
    @CsvSource({
        "aq1x5-g4o2-s8-s4x16-bf16, 0.625",
        "aq2x4-g8-row-f16, 1",
        "aq3x2-g5-row-f16, 1.2",
        "nf2-g16-f16, 2",
        "lc3-g8-s3x4-fp16-flat, 3",
        "affine4-g8-f16-sym, 4",
        "sketch3-r37-f16, 3"
    })
    void bitsOfCodesForAWeight(String format, double bits) {
        assertThat(live(format).codeBitsPerWeight()).isEqualTo(bits);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "aq1x3-g4-row-f32",
                "aq1x5-g4o2-s8-s4x16-bf16",
                "aq2x4-g8-row-f16",
                "aq3x2-g5-row-f16",
                "nf2-g16-f16",
                "lc3-g8-s3x4-fp16-flat",
                "nf4-g16-s8x16-fp32",
                "affine2-g16-f32",
                "affine3-row-s4x16-bf16",
                "affine4-g8-f16-sym",
                "sketch2-r1-f16",
                "sketch3-r1-t5-s4x4-bf16"
            })
    void chosenTilesComeNearerAndNoOthersMove(String format) {
        LiveCodes live = live(format);
        FloatMatrix target = gaussian();
        double[] before = distances(live, target);
        float[] codesBefore = codes(live);
        int[] some =
                IntStream.range(0, live.tiles()).filter(tile -> tile % 3 == 1).toArray();
        int changed = live.choose(some, target, SERIAL);
        double[] after = distances(live, target);
        int moved = 0;
        int perTile = live.codeCount() / live.tiles();
        float[] codes = codes(live);
        for (int tile = 0; tile < live.tiles(); tile++) {
            boolean other = !Arrays.equals(
                    codes, tile * perTile, (tile + 1) * perTile, codesBefore, tile * perTile, (tile + 1) * perTile);
            moved += other ? 1 : 0;
            if (tile % 3 == 1) {
                // distances of about 1 from floats
                assertThat(after[tile]).isLessThanOrEqualTo(before[tile] + 1e-5);
            } else {
                assertThat(other).isFalse();
                assertThat(after[tile]).isEqualTo(before[tile]);
            }
        }
        assertThat(changed).isEqualTo(moved).isPositive();
        assertThat(live.choose(some, target, SERIAL)).isLessThanOrEqualTo(changed);
        FloatMatrix kept = FloatMatrix.wrap(1, codesBefore.length, codesBefore);
        live.writeCodes(kept);
        assertThat(distances(live, target)).isEqualTo(before);
    }

    /** Squared distances of the tiles when all of them have the same code, for each code; one code for a tile. */
    private static List<double[]> distancesOfEveryCode(LiveCodes live, String format, FloatMatrix target) {
        int bits = Integer.parseInt(format.replaceAll("^(aq1x|[a-z]+)([0-9]+).*", "$2"));
        List<double[]> all = new ArrayList<>();
        for (int code = 0; code < 1 << bits; code++) {
            float[] same = new float[live.codeCount()];
            Arrays.fill(same, code);
            live.writeCodes(FloatMatrix.wrap(1, same.length, same));
            all.add(distances(live, target));
        }
        return all;
    }

    /** With one code for a tile: the nearest of all codes that stand for other weights than the nearest does. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "aq1x3-g4-row-f32",
                "aq1x5-g4o2-s8-s4x16-bf16",
                "nf2-g16-f16",
                "lc3-g8-s3x4-fp16-flat",
                "affine2-g16-f32",
                "affine3-row-s4x16-bf16",
                "sketch2-r1-f32"
            })
    void theSecondIsTheNextNearest(String format) {
        LiveCodes live = live(format);
        FloatMatrix target = gaussian();
        int[] all = IntStream.range(0, live.tiles()).toArray();
        live.choose(all, target, SERIAL);
        double[] nearest = distances(live, target);
        double[] ratios = new double[live.tiles()];
        live.choose(
                all,
                target,
                (tile, first, second) -> {
                    ratios[tile] = second / first;
                    return true;
                },
                SERIAL);
        double[] chosen = distances(live, target);
        double[] next = new double[live.tiles()];
        Arrays.fill(next, Double.POSITIVE_INFINITY);
        for (double[] distances : distancesOfEveryCode(live, format, target)) {
            for (int tile = 0; tile < next.length; tile++) {
                if (distances[tile] > nearest[tile] * (1 + 1e-5)) {
                    next[tile] = Math.min(next[tile], distances[tile]);
                }
            }
        }
        for (int tile = 0; tile < next.length; tile++) {
            // distances of about 1 from floats
            assertThat(chosen[tile]).isCloseTo(next[tile], within(1e-5 * (1 + next[tile])));
            double squares = ratios[tile] * ratios[tile] * nearest[tile];
            assertThat(squares).isCloseTo(next[tile], within(1e-3 * (1 + next[tile])));
        }
    }

    /** With several codes for a tile the search is none of all sums. */
    @ParameterizedTest
    @ValueSource(strings = {"aq2x4-g8-row-f16", "aq3x2-g5-row-f16"})
    void theSecondOfSeveralCodesIsAnotherSumAndNoNearer(String format) {
        LiveCodes live = live(format);
        FloatMatrix target = gaussian();
        int[] all = IntStream.range(0, live.tiles()).toArray();
        float[] start = codes(live);
        live.choose(all, target, (tile, first, second) -> first > second, SERIAL);
        double[] nearest = distances(live, target);
        float[] of = decoded(live).toArray();
        live.writeCodes(FloatMatrix.wrap(1, start.length, start));
        live.choose(all, target, (tile, first, second) -> true, SERIAL);
        double[] second = distances(live, target);
        for (int tile = 0; tile < second.length; tile++) {
            assertThat(second[tile]).isGreaterThanOrEqualTo(nearest[tile] - 1e-5);
        }
        assertThat(decoded(live).toArray()).isNotEqualTo(of);
    }

    /** With one code for a tile the search is exhaustive. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "aq1x3-g4-row-f32",
                "aq1x5-g4o2-s8-s4x16-bf16",
                "nf2-g16-f16",
                "lc3-g8-s3x4-fp16-flat",
                "affine2-g16-f32",
                "affine3-row-s4x16-bf16",
                "sketch2-r1-f32",
                "sketch4-r1-t6-f16"
            })
    void oneCodeIsTheNearest(String format) {
        LiveCodes live = live(format);
        FloatMatrix target = gaussian();
        int[] all = IntStream.range(0, live.tiles()).toArray();
        live.choose(all, target, SERIAL);
        double[] chosen = distances(live, target);
        for (double[] others : distancesOfEveryCode(live, format, target)) {
            for (int tile = 0; tile < others.length; tile++) {
                assertThat(chosen[tile]).isLessThanOrEqualTo(others[tile] + 1e-5);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"aq2x4-g8-row-f16", "nf2-g16-f16", "affine2-g16-f32"})
    void tilesOfNoScaleKeepTheirCodes(String format) {
        LiveCodes live = live(format);
        switch (live) {
            case LiveAdditive additive -> additive.scales().scales().set(0, 0, 0);
            case LiveBlocks blocks -> blocks.scales().scales().set(0, 0, 0);
            default -> ((LiveAffine) live).scales().scales().set(0, 0, 0);
        }
        float before = codes(live)[0];
        assertThat(live.choose(new int[] {0}, gaussian(), SERIAL)).isZero();
        assertThat(codes(live)[0]).isEqualTo(before);
    }
}
