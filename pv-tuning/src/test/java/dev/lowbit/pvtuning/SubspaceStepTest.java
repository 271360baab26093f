package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.LiveCodes;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockQuantizer;
import dev.lowbit.method.DiscreteSteps;
import dev.lowbit.method.Tunable;
import dev.lowbit.method.Tunable.DiscretePart;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.reflect.Proxy;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.DoubleStream;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SubspaceStepTest {
    private static final int ROWS = 6;
    private static final int COLUMNS = 20;
    private static final double ALL = Double.POSITIVE_INFINITY;
    private static final Workers SERIAL = Workers.serial();

    private final Tunable tunable =
            Tunable.of(matrix(), Tunable.Extent.CODES, SERIAL).orElseThrow();
    private final DiscretePart part = tunable.discrete().orElseThrow();
    private final FloatMatrix target = part.target().values();
    private final RandomStream random = RandomStream.of(5, "test", "draws");

    private static QuantizedMatrix matrix() {
        FloatMatrix weights = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
        RandomStream.of(3, "test", "subspace").fillGaussian(weights);
        return BlockQuantizer.quantize(weights, BlockFormat.parse("nf2-g20-f32"), SERIAL);
    }

    @AfterEach
    void close() {
        tunable.close();
    }

    private float[] decoded() {
        FloatMatrix out = FloatMatrix.wrap(ROWS, COLUMNS, new float[ROWS * COLUMNS]);
        part.codes().dequantize(0, out, SERIAL);
        return out.toArray();
    }

    @Test
    void aTargetThatHasNotMovedChangesNothing() {
        float[] before = decoded();
        assertThat(DiscreteSteps.find().subspace(1, ALL, 0, 0).apply(part, random, SERIAL))
                .isZero();
        assertThat(DiscreteSteps.find().subspace(0.01, ALL, 1, 0).apply(part, random, SERIAL))
                .isZero();
        assertThat(decoded()).isEqualTo(before);
    }

    /** Straight-through estimation reads no decoded weights and takes no memory for them: of this matrix they are a pebibyte. */
    @Test
    void allTilesFollowWithoutDecodedWeights() {
        LiveCodes huge = (LiveCodes) Proxy.newProxyInstance(
                LiveCodes.class.getClassLoader(),
                new Class<?>[] {LiveCodes.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "rows", "columns" -> 1 << 24;
                    case "tiles" -> 3;
                    case "choose" -> ((int[]) arguments[0]).length;
                    default -> throw new AssertionError(method);
                });
        int changed = new SubspaceStep(1, ALL, 0, 0).apply(new DiscretePart(huge, part.target()), random, SERIAL);
        assertThat(changed).isEqualTo(3);
    }

    @Test
    void onlyTheFarthestTilesFollow() {
        float[] before = decoded();
        // the further down, the further away; one step of the codebook and more
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                target.set(i, j, before[i * COLUMNS + j] * -(1 + i));
            }
        }
        int allowed = (int) Math.ceil(0.26 * ROWS * COLUMNS);
        int changed = new SubspaceStep(0.26, ALL, 0, 0).apply(part, random, SERIAL);
        assertThat(changed).isPositive().isLessThanOrEqualTo(allowed);
        float[] after = decoded();
        double least = Double.POSITIVE_INFINITY;
        double most = 0;
        for (int i = 0; i < before.length; i++) {
            double distance = Math.abs(target.get(i / COLUMNS, i % COLUMNS) - before[i]);
            if (after[i] != before[i]) {
                least = Math.min(least, distance);
            } else if (Math.abs(before[i]) > 1e-3) {
                most = Math.max(most, distance);
            }
        }
        assertThat(least).isGreaterThanOrEqualTo(most);
        assertThat(new SubspaceStep(1, ALL, 0, 0).apply(part, random, SERIAL)).isGreaterThan(changed);
    }

    /** As the spec has it: the change without its last tile is below the limit, and one tile may always change. */
    @Test
    void aMatrixMovesAsFarAsItIsTrusted() {
        float[] before = decoded();
        for (int i = 0; i < ROWS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                target.set(i, j, before[i * COLUMNS + j] * -(1 + i));
            }
        }
        double norm = norm(before);
        FloatMatrix codes = FloatMatrix.wrap(
                1, part.codes().codeCount(), new float[part.codes().codeCount()]);
        part.codes().readCodes(codes);
        assertThat(new SubspaceStep(1, 1e-9, 0, 0).apply(part, random, SERIAL)).isOne();
        double far = norm(difference(decoded(), before));
        int all = new SubspaceStep(1, ALL, 0, 0).apply(part, random, SERIAL);
        double trust = 0.5 * norm(difference(decoded(), before)) / norm;
        assertThat(far / norm).as("fixture: one tile does not go half the way").isLessThan(trust);

        part.codes().writeCodes(codes);
        int changed = new SubspaceStep(1, trust, 0, 0).apply(part, random, SERIAL);
        assertThat(changed).isGreaterThan(1).isLessThan(all);
        double[] squares = squares(difference(decoded(), before));
        double sum = DoubleStream.of(squares).sum();
        assertThat(Math.sqrt(sum)).as("not stopped early").isGreaterThanOrEqualTo(trust * norm);
        assertThat(Math.sqrt(sum - DoubleStream.of(squares).max().orElseThrow()))
                .as("at most one tile beyond")
                .isLessThan(trust * norm);
    }

    private static float[] difference(float[] a, float[] b) {
        float[] difference = new float[a.length];
        for (int i = 0; i < a.length; i++) {
            difference[i] = a[i] - b[i];
        }
        return difference;
    }

    private static double[] squares(float[] values) {
        return IntStream.range(0, values.length)
                .mapToDouble(i -> (double) values[i] * values[i])
                .toArray();
    }

    private static double norm(float[] values) {
        return Math.sqrt(DoubleStream.of(squares(values)).sum());
    }

    @Test
    void theTargetForgets() {
        for (int j = 0; j < COLUMNS; j++) {
            target.set(2, j, 5);
        }
        new SubspaceStep(1, ALL, 0.25, 0).apply(part, random, SERIAL);
        float[] after = decoded();
        for (int j = 0; j < COLUMNS; j++) {
            assertThat(target.get(2, j)).isCloseTo(0.25f * after[2 * COLUMNS + j] + 0.75f * 5, within(1e-6f));
        }
        new SubspaceStep(1, ALL, 1, 0).apply(part, random, SERIAL);
        assertThat(target.toArray()).isEqualTo(decoded());
    }

    @Test
    void impossibleNumbersAreRefused() {
        for (double fraction : new double[] {0, -1, 1.01, Double.NaN}) {
            assertThatThrownBy(() -> new SubspaceStep(fraction, ALL, 0, 0))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("fraction");
        }
        for (double trust : new double[] {0, -1, Double.NaN}) {
            assertThatThrownBy(() -> new SubspaceStep(1, trust, 0, 0))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("trust");
        }
        for (double decay : new double[] {-0.1, 1.1, Double.NaN}) {
            assertThatThrownBy(() -> new SubspaceStep(1, ALL, decay, 0))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("decay");
        }
        for (double temperature : new double[] {-0.1, ALL, Double.NaN}) {
            assertThatThrownBy(() -> new SubspaceStep(1, ALL, 0, temperature))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining("temperature");
        }
    }

    /** One weight a quarter of the way from a level to the next. */
    @Test
    void theSecondNearestIsTakenWithItsOdds() {
        float[] levels = new float[4];
        for (int code = 0; code < levels.length; code++) {
            part.codes().writeCodes(codes(code));
            levels[code] = decoded()[0];
        }
        double wanted = 0.75 * levels[2] + 0.25 * levels[1];
        // d1 : d2 = 1 : 3, so 1 in 4 where τ is 1, 1 in 10 where it is 1/2
        for (double[] expected : new double[][] {{1, 0.25}, {0.5, 0.1}, {0, 0}}) {
            int seconds = 0;
            int rounds = 4000;
            for (int round = 0; round < rounds; round++) {
                part.codes().writeCodes(codes(0));
                target.set(0, 0, (float) wanted);
                new SubspaceStep(1, ALL, 0, expected[0]).apply(part, random, SERIAL);
                float now = decoded()[0];
                assertThat(now).isIn(levels[1], levels[2]);
                seconds += now == levels[1] ? 1 : 0;
            }
            // five standard deviations
            double deviation = Math.sqrt(rounds * expected[1] * (1 - expected[1]));
            assertThat((double) seconds).isCloseTo(rounds * expected[1], within(5 * deviation));
        }
        target.set(0, 0, levels[3]);
        for (int round = 0; round < 100; round++) {
            new SubspaceStep(1, ALL, 0, 5).apply(part, random, SERIAL);
            assertThat(decoded()[0]).isEqualTo(levels[3]);
        }
    }

    private FloatMatrix codes(int code) {
        FloatMatrix codes = FloatMatrix.wrap(1, ROWS * COLUMNS, new float[ROWS * COLUMNS]);
        part.codes().readCodes(codes);
        codes.set(0, 0, code);
        return codes;
    }

    @Test
    void chanceDependsOnItsStreamAlone() {
        FloatMatrix start = FloatMatrix.wrap(1, ROWS * COLUMNS, new float[ROWS * COLUMNS]);
        part.codes().readCodes(start);
        RandomStream.of(9, "test", "target").fillGaussian(target);
        SubspaceStep step = new SubspaceStep(1, ALL, 0, 1);
        step.apply(part, RandomStream.of(1, "test", "a"), SERIAL);
        float[] once = decoded();
        part.codes().writeCodes(start);
        try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
            step.apply(part, RandomStream.of(1, "test", "a"), Workers.on(threads, 3));
        }
        assertThat(decoded()).isEqualTo(once);
        step.apply(part, RandomStream.of(2, "test", "a"), SERIAL);
        assertThat(decoded()).isNotEqualTo(once);
    }
}
