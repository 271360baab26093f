package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** A case of golden/sketchtune: what its name says, and its data. */
record GoldenSketch(Path path, String name, int bits, int groups, boolean actOrder, double exponent, boolean linear) {
    private static final Pattern NAME = Pattern.compile("sketch_b(\\d)_gpr(\\d+)_act([01])_p([0-9.]+)_(lin|pp)");
    static final double DAMPING = 0.1;

    static Stream<GoldenSketch> all() {
        List<GoldenSketch> cases = new ArrayList<>();
        for (Path path : SharedData.files("golden/sketchtune", "sketch_", ".safetensors")) {
            try (GoldenFile file = new GoldenFile(path)) {
                for (String tensor : file.names()) {
                    Matcher matcher = NAME.matcher(tensor.replaceFirst("/codes$", ""));
                    if (tensor.matches("sketch_.*/codes")) {
                        assertThat(matcher.matches()).as(tensor).isTrue();
                        cases.add(new GoldenSketch(
                                path,
                                matcher.group(),
                                Integer.parseInt(matcher.group(1)),
                                Integer.parseInt(matcher.group(2)),
                                matcher.group(3).equals("1"),
                                Double.parseDouble(matcher.group(4)),
                                matcher.group(5).equals("lin")));
                    }
                }
            }
        }
        return cases.stream();
    }

    GoldenFile open() {
        return new GoldenFile(path);
    }

    SketchSettings settings(SketchSettings.Start start, int refits) {
        return new SketchSettings(bits, groups, start, exponent, DAMPING, actOrder, refits);
    }

    double[] numbers(GoldenFile file, String part) {
        return file.numbers(name + "/" + part);
    }

    /** The sketch that the original made. */
    Sketch sketch(GoldenFile file) {
        List<Long> shape = file.shape("W");
        int rows = Math.toIntExact(shape.get(0));
        return new Sketch(
                rows,
                Math.toIntExact(shape.get(1)),
                groups,
                1 << bits,
                numbers(file, "grid"),
                file.bytes(name + "/codes"));
    }

    /** W with 0 in dead columns. */
    static FloatMatrix weights(GoldenFile file, Curvature curvature) {
        return withoutDead(file.matrix("W"), curvature);
    }

    static FloatMatrix withoutDead(FloatMatrix weights, Curvature curvature) {
        FloatMatrix alive = FloatMatrix.wrap(weights.rows(), weights.columns(), weights.toArray());
        for (int i = 0; i < weights.rows(); i++) {
            for (int j = 0; j < weights.columns(); j++) {
                if (curvature.isDead(j)) {
                    alive.set(i, j, 0);
                }
            }
        }
        return alive;
    }

    static Curvature curvature(GoldenFile file, double damping, boolean actOrder) {
        int n = Math.toIntExact(file.shape("H").get(0));
        return Curvature.of(file.numbers("H"), n, damping, actOrder, Workers.serial());
    }

    static Sketch learn(FloatMatrix weights, Curvature curvature, SketchSettings settings) {
        Sketch sketch = Sketch.empty(weights.rows(), weights.columns(), settings.groups(), settings.entries());
        try (HessianObjective objective = new HessianObjective(
                weights, curvature, settings.clustering(), settings.exponent(), Workers.serial())) {
            SketchLearner.learn(objective, sketch, settings.refits());
        }
        return sketch;
    }

    /** ||X (W - Ŵ)ᵀ||², of W as it came. */
    static double layerError(FloatMatrix weights, FloatMatrix inputs, Sketch sketch) {
        double error = 0;
        for (int i = 0; i < weights.rows(); i++) {
            for (int t = 0; t < inputs.rows(); t++) {
                double y = 0;
                for (int j = 0; j < weights.columns(); j++) {
                    y += inputs.get(t, j) * (weights.get(i, j) - sketch.weight(i, j));
                }
                error += y * y;
            }
        }
        return error;
    }

    @Override
    public String toString() {
        return path.getFileName() + " " + name;
    }
}
