package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;

/** What holds for every update. */
class ComPeftProperties {
    private static final DType[] TYPES = {DType.F32, DType.F16, DType.BF16, DType.F64};

    /** Tensors of several types and sizes, with zeros and, if {@code coarse}, many equal magnitudes. */
    private static List<UpdateTensor> update(long seed, int size, boolean coarse) {
        RandomStream random = RandomStream.of(seed, "update", "");
        List<UpdateTensor> tensors = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            double[] values = Updates.gaussian(seed + t, (int) (size * random.nextDouble()) + 1);
            for (int i = 0; i < values.length; i++) {
                values[i] = random.nextDouble() < 0.1 ? 0 : coarse ? Math.rint(values[i] * 200) / 256 : values[i];
            }
            tensors.add(Updates.tensor("t" + t, TYPES[t], values));
        }
        return tensors;
    }

    private static double[] flat(List<UpdateTensor> update) {
        return update.stream()
                .flatMapToDouble(tensor -> Arrays.stream(Updates.values(tensor)))
                .toArray();
    }

    private static CompressedUpdate compress(List<UpdateTensor> update, ComPeftSettings settings) {
        return ComPeft.compress(update, settings, Workers.serial());
    }

    @Property(tries = 40)
    void whatIsKeptIsWhatASortWouldKeep(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 2000) int size,
            @ForAll boolean coarse,
            @ForAll @DoubleRange(min = 0.01, max = 1) double density) {
        List<UpdateTensor> update = update(seed, size, coarse);
        double[] flat = flat(update);
        Integer[] order = new Integer[flat.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(Math.abs(flat[b]), Math.abs(flat[a])));
        ComPeftSettings settings = ComPeftSettings.of(density);
        byte[] expected = new byte[flat.length];
        for (int rank = 0; rank < settings.kept(flat.length); rank++) {
            expected[order[rank]] = (byte) Math.signum(flat[order[rank]]);
        }
        TernaryVector signs = compress(update, settings).vectors().getFirst().signs();
        assertThat(Updates.signs(signs)).containsExactly(expected);
    }

    @Property(tries = 40)
    void noDroppedMagnitudeIsAboveAKeptOne(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 2000) int size,
            @ForAll boolean coarse,
            @ForAll @DoubleRange(min = 0.01, max = 0.99) double density,
            @ForAll SelectionRule rule) {
        List<UpdateTensor> update = update(seed, size, coarse);
        double[] flat = flat(update);
        ComPeftSettings settings = ComPeftSettings.of(density).with(rule);
        TernaryVector signs = compress(update, settings).vectors().getFirst().signs();
        double kept = Double.POSITIVE_INFINITY;
        double dropped = 0;
        for (int i = 0; i < flat.length; i++) {
            if (signs.sign(i) == 0) {
                dropped = Math.max(dropped, Math.abs(flat[i]));
            } else {
                assertThat((double) signs.sign(i)).isEqualTo(Math.signum(flat[i]));
                kept = Math.min(kept, Math.abs(flat[i]));
            }
        }
        assertThat(kept).isGreaterThanOrEqualTo(dropped);
        if (rule == SelectionRule.ORIGINAL) {
            assertThat(kept).as("all ties").isGreaterThan(dropped);
        }
    }

    @Property(tries = 40)
    void theMeanMagnitudeIsTheBestScale(
            @ForAll long seed,
            @ForAll @IntRange(min = 10, max = 2000) int size,
            @ForAll @DoubleRange(min = 0.05, max = 1) double density,
            @ForAll @DoubleRange(min = 0.01, max = 10) double alpha) {
        List<UpdateTensor> update = update(seed, size, false);
        ComPeftSettings settings = ComPeftSettings.of(density);
        CompressedUpdate best = compress(update, settings.withMeanMagnitude());
        CompressedUpdate other = compress(update, settings.withAlpha(alpha));
        double rounding = 1 + 1e-12;
        assertThat(best.squaredError()).isLessThanOrEqualTo(other.squaredError() * rounding);
        double scale = best.vectors().getFirst().scale();
        double energy = Arrays.stream(flat(update)).map(v -> v * v).sum();
        assertThat(best.energy()).isCloseTo(energy, within(1e-12 * energy));
        assertThat(best.squaredError()).isCloseTo(energy - best.nonZeros() * scale * scale, within(1e-6 * energy));
    }

    @Property(tries = 40)
    void compressingTheResultChangesNothing(
            @ForAll long seed,
            @ForAll @IntRange(min = 1, max = 2000) int size,
            @ForAll @DoubleRange(min = 0.01, max = 1) double density,
            @ForAll @DoubleRange(min = 0, max = 1) double slack,
            @ForAll Granularity granularity) {
        ComPeftSettings settings =
                ComPeftSettings.of(density).withMeanMagnitude().with(granularity);
        CompressedUpdate first = compress(update(seed, size, false), settings);
        List<UpdateTensor> decoded = new ArrayList<>();
        double least = 1e-9;
        for (TernaryTensor tensor : first.tensors()) {
            float[] values = Updates.decode(tensor);
            double[] exact = new double[values.length];
            Arrays.setAll(exact, i -> values[i]);
            decoded.add(Updates.tensor(tensor.name(), DType.F32, exact));
        }
        for (CompressedVector vector : first.vectors()) {
            least = Math.max(
                    least, (double) vector.signs().nonZeros() / vector.signs().length());
        }
        ComPeftSettings again = ComPeftSettings.of(least + slack * (1 - least))
                .withMeanMagnitude()
                .with(granularity);
        CompressedUpdate second = compress(decoded, again);
        for (TernaryTensor tensor : first.tensors()) {
            assertThat(Updates.decode(second.tensor(tensor.name()))).containsExactly(Updates.decode(tensor));
        }
        assertThat(second.squaredError()).isZero();
    }

    /** Several tasks, with ties that are cut in the middle of one. */
    @Property(tries = 3)
    void anyWorkersGiveTheSameBits(@ForAll long seed, @ForAll boolean coarse, @ForAll Granularity granularity) {
        List<UpdateTensor> update = update(seed, 2 * FlatUpdate.TASK, coarse);
        ComPeftSettings settings = ComPeftSettings.of(0.07).with(granularity);
        CompressedUpdate serial = compress(update, settings);
        try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
            CompressedUpdate parallel = ComPeft.compress(update, settings, Workers.on(executor, 3));
            assertThat(parallel.vectors()).isEqualTo(serial.vectors());
            assertThat(parallel.tensors()).isEqualTo(serial.tensors());
        }
        if (coarse && granularity == Granularity.GLOBAL) {
            assertThat(serial.nonZeros()).isEqualTo(settings.kept(serial.entries()));
        }
    }
}
