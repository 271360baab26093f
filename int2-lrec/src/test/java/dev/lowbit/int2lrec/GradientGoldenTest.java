package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Training of an adapter in float64: losses, gradients and final factors of both losses; and how near the closed form it gets. */
class GradientGoldenTest {
    private static final double TOLERANCE = 1e-9;

    /** Root mean square of the residual that training from nothing corrects. */
    private static final double SIZE = 0.01;

    static List<Path> files() {
        return Golden.files("train_");
    }

    /** W - Q in double, Q in floats. */
    private static double[] residual(GoldenFile file) {
        FloatMatrix weights = file.matrix("W");
        FloatMatrix scales = file.matrix("Q_scale");
        int groupSize = Math.ceilDiv(weights.columns(), scales.columns());
        byte[] codes = file.bytes("Q_codes");
        float[] zeros = file.floats("Q_zero");
        double[] residual = new double[codes.length];
        for (int i = 0; i < residual.length; i++) {
            int row = i / weights.columns();
            int column = i % weights.columns();
            int group = row * scales.columns() + column / groupSize;
            float value = scales.get(row, column / groupSize) * (Byte.toUnsignedInt(codes[i]) - zeros[group]);
            residual[i] = (double) weights.get(row, column) - value;
        }
        return residual;
    }

    private static double[] doubles(float[] values) {
        double[] result = new double[values.length];
        for (int i = 0; i < values.length; i++) {
            result[i] = values[i];
        }
        return result;
    }

    @ParameterizedTest
    @MethodSource("files")
    void trajectories(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            double[] hyper = Golden.doubles(file, "hyper_r_alpha_steps_lr_wd");
            int m = file.matrix("W").rows();
            int rank = (int) hyper[0];
            SecondMoment moment = SecondMoment.of(file.matrix("X"), 1, Workers.serial());
            List<String> runs = Golden.cases(file, "", "losses");
            assertThat(runs).isNotEmpty();
            for (String run : runs) {
                LayerObjective.Loss loss = run.equals("sq") ? LayerObjective.Loss.SQUARED : LayerObjective.Loss.NORM;
                LayerObjective objective =
                        new LayerObjective(residual(file), m, moment, hyper[1] / rank, loss, Workers.serial());
                AdapterTraining training = new AdapterTraining(
                        objective, new double[m * rank], doubles(file.floats("A0")), hyper[3], hyper[4]);
                double[] losses = Golden.doubles(file, run + "/losses");
                assertThat(losses).hasSize((int) hyper[2]);
                for (int step = 0; step < losses.length; step++) {
                    LayerObjective.Evaluation at = training.evaluate();
                    assertThat(at.loss())
                            .as("%s %d", run, step)
                            .isCloseTo(losses[step], within(TOLERANCE * losses[step]));
                    compare(file, run + "/gradB_step" + step, at.left());
                    compare(file, run + "/gradA_step" + step, at.right());
                    training.step(at);
                }
                compare(file, run + "/B_final", training.left());
                compare(file, run + "/A_final", training.right());
            }
        }
    }

    /** Within 1e-9 of the largest entry, where the file has the tensor. */
    private static void compare(GoldenFile file, String name, double[] actual) {
        if (!file.has(name)) {
            return;
        }
        double[] expected = Golden.doubles(file, name);
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertThat(actual).as(name).containsExactly(expected, within(TOLERANCE * largest));
    }

    @ParameterizedTest
    @MethodSource("files")
    void gradientsApproachTheClosedFormAndNeverBeatIt(Path path) {
        try (GoldenFile file = new GoldenFile(path)) {
            double[] hyper = Golden.doubles(file, "hyper_r_alpha_steps_lr_wd");
            int rank = (int) hyper[0];
            FloatMatrix weights = file.matrix("W");
            SecondMoment moment = SecondMoment.of(file.matrix("X"), 1, Workers.serial());
            double[] exact = residual(file);
            // a correction is linear in its residual: of one size, the rates below suit weights of any
            double unit = SIZE
                    / Math.sqrt(Arrays.stream(exact).map(e -> e * e).average().orElseThrow());
            float[] floats = new float[exact.length];
            for (int i = 0; i < floats.length; i++) {
                floats[i] = (float) (unit * exact[i]);
            }
            FloatMatrix residual = FloatMatrix.wrap(weights.rows(), weights.columns(), floats);
            RandomStream stream = RandomStream.of(1, "test", "gradient");
            try (LowRankCorrection closed = LowRankCorrection.of(
                    residual, moment, null, LowRankSettings.weighted(rank).damping(0), stream, Workers.serial())) {
                for (LayerObjective.Loss loss : LayerObjective.Loss.values()) {
                    LayerObjective objective =
                            new LayerObjective(residual, moment, hyper[1] / rank, loss, Workers.serial());
                    GradientCorrection cold = GradientCorrection.run(
                            objective, AdapterTraining.random(objective, rank, stream, 2e-3, 0), 3000);
                    GradientCorrection hybrid = GradientCorrection.run(
                            objective, AdapterTraining.from(objective, closed.factors(), 1e-4, 0), 50);
                    double rounding = 1e-9 * closed.baseError();
                    assertThat(cold.error()).isBetween(closed.optimum() - rounding, 1.05 * closed.optimum());
                    assertThat(hybrid.error()).isBetween(closed.optimum() - rounding, closed.error() + rounding);
                    FloatMatrix left = FloatMatrix.allocate(residual.rows(), residual.columns());
                    left.copyFrom(residual);
                    cold.factors().subtractFrom(left, Workers.serial());
                    assertThat(LayerError.of(left, moment, Workers.serial()))
                            .isCloseTo(cold.error(), within(1e-4 * cold.error()));
                    cold.factors().close();
                    hybrid.factors().close();
                }
            }
        }
    }
}
