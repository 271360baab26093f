package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.assertj.core.data.Offset;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Cases named {@code <config>.s<multiple>.beam<b>.frac<f>.trust<ρ>.force<0|1>}, from the configuration's start in {@code init} towards
 * {@code <config>.s<multiple>.target}; the {@code stats} are changed tiles, L, squared distance to the target, relative change of Ŵ.
 */
class CodeReselectionGoldenTest {
    private static final Pattern CASE =
            Pattern.compile("(\\w+)\\.s[0-9.]+?\\.beam(\\d+)\\.frac([0-9.]+)\\.trust([0-9.]+)\\.force([01])");

    static List<Path> files() {
        return Golden.files("vstep_l2");
    }

    @ParameterizedTest
    @MethodSource("files")
    void selectsAsTheOriginal(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            assertThat(file.prefixes("codes")).isNotEmpty();
            for (String name : file.prefixes("codes")) {
                check(path, file, name);
            }
        }
    }

    private static void check(Path path, GoldenFile file, String name) {
        Matcher options = CASE.matcher(name);
        assertThat(options.matches()).as(name).isTrue();
        LayerCase layer = LayerCase.of(path, options.group(1));
        AdditiveWeights weights = layer.start();
        double[] before = weights.decode();
        double[] target = file.numbers(name.substring(0, name.indexOf(".beam")) + ".target");
        int changed = CodeReselection.run(
                weights, target, settings(options), Draws.upTo(weights.codebooks()), null, Workers.serial());
        double[] stats = file.numbers(name + ".stats");
        double[] after = weights.decode();
        assertThat(weights.codes()).as(name).isEqualTo(Golden.codes(file, name + ".codes"));
        assertThat(changed).as(name).isEqualTo((int) stats[0]);
        assertThat(layer.loss(weights)).as(name).isCloseTo(stats[1], relative(stats[1]));
        assertThat(squared(after, target)).as(name).isCloseTo(stats[2], relative(stats[2]));
        double change = Math.sqrt(squared(after, before) / squared(before, new double[before.length]));
        assertThat(change).as(name).isCloseTo(stats[3], relative(stats[3]));
    }

    private static Reselection settings(Matcher options) {
        Reselection settings =
                Reselection.nearest(Integer.parseInt(options.group(2)), Double.parseDouble(options.group(3)));
        double trust = Double.parseDouble(options.group(4));
        Reselection trusting = trust == 0 ? settings : settings.withTrust(trust);
        return options.group(5).equals("1") ? trusting.forced() : trusting;
    }

    private static double squared(double[] a, double[] b) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
            sum += (a[i] - b[i]) * (a[i] - b[i]);
        }
        return sum;
    }

    private static Offset<Double> relative(double expected) {
        return within(1e-6 * Math.abs(expected));
    }
}
