package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.DoubleUnaryOperator;
import org.assertj.core.data.Offset;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The authors' selection and scales, and streams and sizes of an independent encoder, for all densities of all files. */
class ComPeftGoldenTest {
    private static final String UPDATE = "update/";

    static List<Path> files() {
        return SharedData.files("golden/compeft", "compeft_", ".safetensors");
    }

    private static List<UpdateTensor> update(GoldenFile file) {
        List<UpdateTensor> tensors = new ArrayList<>();
        for (String name : file.names()) {
            if (name.startsWith(UPDATE)) {
                tensors.add(new UpdateTensor(
                        name.substring(UPDATE.length()),
                        DType.F32,
                        file.shape(name),
                        MemorySegment.ofArray(file.bytes(name))));
            }
        }
        return tensors;
    }

    /** All {@code k<K>}. */
    private static Set<String> densities(GoldenFile file) {
        Set<String> found = new TreeSet<>();
        file.names().stream()
                .filter(name -> name.matches("k[0-9.]+/.*"))
                .forEach(name -> found.add(name.substring(0, name.indexOf('/'))));
        assertThat(found).isNotEmpty();
        return found;
    }

    private static ComPeftSettings settings(String k) {
        return ComPeftSettings.of(Double.parseDouble(k.substring(1)) / 100).with(SelectionRule.ORIGINAL);
    }

    private static CompressedVector compress(GoldenFile file, ComPeftSettings settings) {
        return ComPeft.compress(update(file), settings, Workers.serial())
                .vectors()
                .getFirst();
    }

    @ParameterizedTest
    @MethodSource("files")
    void theUpdateIsFlattenedAsTheOriginals(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            FlatUpdate flat = new FlatUpdate(UpdateTensor.inOrder(update(file).reversed()));
            double[] expected = file.numbers("flat");
            assertThat(flat.length()).isEqualTo(expected.length);
            double[] found = new double[expected.length];
            flat.scan(0, flat.length(), (values, count, at) -> System.arraycopy(values, 0, found, (int) at, count));
            assertThat(found).containsExactly(expected);
            Moments moments = Moments.of(flat, Workers.serial());
            // entries of a mean cancel: it is as exact as their magnitudes
            double magnitude = Arrays.stream(expected).map(Math::abs).average().orElseThrow();
            assertThat(moments.mean()).isCloseTo(file.numbers("mean")[0], within(1e-5 * magnitude));
            assertThat(moments.deviation()).isCloseTo(file.numbers("std")[0], relative(file.numbers("std")[0], 1e-5));
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void keepsWhatTheOriginalKeeps(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            double[] flat = file.numbers("flat");
            for (String k : densities(file)) {
                TernaryVector signs = compress(file, settings(k)).signs();
                assertThat(Updates.signs(signs)).as(k).containsExactly(file.bytes(k + "/ternary"));
                double[] pruned = file.numbers(k + "/decoded_prune");
                double least = Double.POSITIVE_INFINITY;
                for (int i = 0; i < flat.length; i++) {
                    assertThat(signs.sign(i) == 0 ? 0 : flat[i]).as(k).isEqualTo(pruned[i]);
                    least = signs.sign(i) == 0 ? least : Math.min(least, Math.abs(flat[i]));
                }
                double threshold = file.numbers(k + "/threshold")[0];
                assertThat(least).as(k).isEqualTo(threshold);
                FlatUpdate update = new FlatUpdate(UpdateTensor.inOrder(update(file)));
                long pattern = MagnitudeThreshold.ofLargest(update, settings(k).kept(flat.length), Workers.serial())
                        .pattern();
                assertThat(Double.longBitsToDouble(pattern)).as(k).isEqualTo(threshold);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void sizesAndStreamsAreThoseOfTheReference(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            for (String k : densities(file)) {
                TernaryVector signs = compress(file, settings(k)).signs();
                long d = signs.length();
                long n = signs.nonZeros();
                int b = RiceCode.parameter(d, n);
                double[] sizes = {
                    d,
                    n,
                    EntropyBound.bits(d, n),
                    b,
                    RiceCode.bits(signs, 0, d, b),
                    2 * d,
                    d + n,
                    RiceCode.expectedPositionBits(d, n, b)
                };
                assertThat(sizes).as(k).containsExactly(file.numbers(k + "/sizes"), within(1e-9));
                byte[] stream = RiceCode.encode(signs, b);
                assertThat(stream).as(k).containsExactly(file.bytes(k + "/rice_stream"));
                assertThat(RiceCode.decode(stream, d, n, b)).as(k).isEqualTo(signs);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("files")
    void scalesAndErrorsAreTheOriginals(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            int scales = 0;
            for (String name : file.names()) {
                if (!name.matches("k[0-9.]+/alpha_(a.*|ls)")) {
                    continue;
                }
                String k = name.substring(0, name.indexOf('/'));
                String rule = name.substring(name.indexOf('_') + 1);
                ComPeftSettings settings = rule.equals("ls")
                        ? settings(k).withMeanMagnitude()
                        : settings(k).withAlpha(Double.parseDouble(rule.substring(1)));
                CompressedUpdate update = ComPeft.compress(update(file), settings, Workers.serial());
                double expected = file.numbers(name)[0];
                assertThat((double) update.vectors().getFirst().scale())
                        .as(name)
                        .isCloseTo(expected, relative(expected, 1e-6));
                if (file.has(k + "/mse_" + rule)) {
                    double error = file.numbers(k + "/mse_" + rule)[0];
                    assertThat(update.squaredError() / update.entries())
                            .as(name)
                            .isCloseTo(error, relative(error, 1e-5));
                }
                scales++;
            }
            assertThat(scales).isPositive();
        }
    }

    /** Errors of what we do not offer: pruning alone, and the original's faulty STC. */
    @ParameterizedTest
    @MethodSource("files")
    void errorsOfOtherScalesAreTheOriginals(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            double[] flat = file.numbers("flat");
            for (String k : densities(file)) {
                byte[] signs = file.bytes(k + "/ternary");
                double stc = signedMean(flat, signs);
                double expected = file.numbers(k + "/alpha_stc")[0];
                // signed entries cancel: the mean is as exact as their magnitudes, the least of which is the threshold
                double least = file.numbers(k + "/threshold")[0];
                assertThat(Math.abs(stc)).as(k).isCloseTo(expected, within(1e-5 * (expected + least)));
                check(file, k + "/mse_prune", error(flat, signs, value -> value));
                check(file, k + "/mse_stc", error(flat, signs, value -> Math.signum(value) * stc));
            }
        }
    }

    private static double signedMean(double[] flat, byte[] signs) {
        double sum = 0;
        int count = 0;
        for (int i = 0; i < flat.length; i++) {
            sum += signs[i] == 0 ? 0 : flat[i];
            count += Math.abs(signs[i]);
        }
        return sum / count;
    }

    private static double error(double[] flat, byte[] signs, DoubleUnaryOperator decoded) {
        double sum = 0;
        for (int i = 0; i < flat.length; i++) {
            double difference = flat[i] - (signs[i] == 0 ? 0 : decoded.applyAsDouble(flat[i]));
            sum += difference * difference;
        }
        return sum / flat.length;
    }

    private static void check(GoldenFile file, String name, double found) {
        double expected = file.numbers(name)[0];
        assertThat(found).as(name).isCloseTo(expected, relative(expected, 1e-5));
    }

    private static Offset<Double> relative(double expected, double tolerance) {
        return within(tolerance * Math.abs(expected));
    }
}
