package dev.lowbit.matrix.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Cholesky;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Tag("kernels")
class ErrorFeedbackTest {
    private static final double DAMPING = 0.01;

    /** GPTQ as its paper writes it: H⁻¹ = UᵀU, errors divided by U_jj, one column after the other, in double. */
    private static double[] textbookErrors(FloatMatrix w, FloatMatrix secondMoment, BlockMatrix plain) {
        int n = w.columns();
        double[] h = damped(secondMoment);
        Cholesky inverse = (Cholesky) Cholesky.of(((Cholesky) Cholesky.of(h, n)).inverse(), n);
        double[] lower = inverse.lower();
        double[] errors = new double[w.rows()];
        for (int i = 0; i < w.rows(); i++) {
            double[] row = new double[n];
            double[] d = new double[n];
            for (int j = 0; j < n; j++) {
                row[j] = w.get(i, j);
            }
            for (int j = 0; j < n; j++) {
                float scale = plain.scales()
                        .values()[plain.blockFormat().geometry(w.rows(), n).blockOf((long) i * n + j)];
                float value = plain.codebook().values()[plain.codebook().encode((float) row[j] / scale)] * scale;
                d[j] = w.get(i, j) - value;
                double error = (row[j] - value) / lower[j * n + j];
                for (int k = j; k < n; k++) {
                    row[k] -= error * lower[k * n + j];
                }
            }
            for (int j = 0; j < n; j++) {
                for (int k = 0; k < n; k++) {
                    errors[i] += d[j] * h[j * n + k] * d[k];
                }
            }
        }
        return errors;
    }

    private static double[] damped(FloatMatrix secondMoment) {
        int n = secondMoment.columns();
        double[] h = new double[n * n];
        double mean = 0;
        for (int j = 0; j < n; j++) {
            mean += secondMoment.get(j, j) / n;
        }
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                h[i * n + j] = secondMoment.get(i, j) + (i == j ? DAMPING * mean : 0);
            }
        }
        return h;
    }

    private static FloatMatrix normal(int rows, int columns, long seed) {
        Random random = new Random(seed);
        FloatMatrix m = FloatMatrix.allocate(rows, columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                m.set(i, j, (float) random.nextGaussian());
            }
        }
        return m;
    }

    /** The second moment of inputs that share a few directions, as activations do. */
    private static FloatMatrix correlated(int n, long seed) {
        Random random = new Random(seed);
        int tokens = 3 * n;
        FloatMatrix mix = normal(4, n, seed + 1);
        double[][] x = new double[tokens][n];
        for (double[] token : x) {
            double[] z = random.doubles(4).map(v -> 3 * v - 1).toArray();
            for (int j = 0; j < n; j++) {
                token[j] = 0.5 * random.nextGaussian();
                for (int k = 0; k < z.length; k++) {
                    token[j] += z[k] * mix.get(k, j);
                }
            }
        }
        FloatMatrix h = FloatMatrix.allocate(n, n);
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (double[] token : x) {
                    sum += token[i] * token[j];
                }
                h.set(i, j, (float) (sum / tokens));
            }
        }
        return h;
    }

    private static Hessian hessian(FloatMatrix secondMoment, int rows) {
        float[] outputs = new float[rows];
        for (int i = 0; i < rows; i++) {
            outputs[i] = 0.5f + i % 3;
        }
        return new Hessian(Hessian.factor(secondMoment, DAMPING), outputs);
    }

    @ParameterizedTest
    @CsvSource({
        "70, 96, nf3-g32-s8x64-bf16",
        "5, 130, nf4-g64-f16",
        "9, 33, nf2-g16-s4x16-fp32-flat",
        "3, 1, nf3-g16-f16"
    })
    void isTheSweepOfGptq(int rows, int columns, String id) {
        BlockFormat format = BlockFormat.parse(id);
        FloatMatrix w = normal(rows, columns, rows);
        FloatMatrix h = correlated(columns, columns);
        Hessian hessian = hessian(h, rows);
        BlockMatrix plain = BlockQuantizer.quantize(w, format, Workers.serial());
        double[] errors = textbookErrors(w, h, plain);
        double expected = 0;
        for (int i = 0; i < rows; i++) {
            expected += hessian.outputs()[i] * errors[i];
        }
        double error = BlockQuantizer.squaredError(w, hessian, format, Workers.serial());
        // Where float and double round a target to different codes the rows part ways: about one code in 1e5, and then
        // both ways cost about the same.
        assertThat(error).isCloseTo(expected, within(2e-3 * expected));
    }

    @ParameterizedTest
    @CsvSource({
        "70, 96, nf3-g32-s8x64-bf16",
        "40, 96, lc3-g32-s4x64-bf16",
        "65, 50, lc2-g16-s8x16-fp16",
        "7, 50, lc4-g16-s3x16-fp16-flat",
        "12, 40, lc3-g64-f16",
        "1, 300, lc2-g128-s4x64-bf16",
        "6, 1, lc1-g8-s4x64-bf16"
    })
    void whatIsReportedIsWhatIsStored(int rows, int columns, String id) {
        BlockFormat format = BlockFormat.parse(id);
        FloatMatrix w = normal(rows, columns, 7 * rows);
        Hessian hessian = hessian(correlated(columns, 5), rows);
        BlockMatrix stored = BlockQuantizer.quantize(w, hessian, format, Workers.serial());
        FloatMatrix restored = FloatMatrix.allocate(rows, columns);
        stored.dequantize(0, restored, Workers.serial());
        FloatMatrix residual = FloatMatrix.allocate(rows, columns);
        double error = BlockQuantizer.quantizeResidual(w, hessian, format, residual, Workers.serial());
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                assertThat(residual.get(i, j)).isEqualTo(w.get(i, j) - restored.get(i, j));
            }
        }
        // A sum of a few hundred float products against the same in another order.
        assertThat(hessian.of(residual, 0, Workers.serial())).isCloseTo(error, within(1e-4 * error));
        assertThat(BlockQuantizer.squaredError(w, hessian, format, Workers.serial()))
                .isEqualTo(error);
        FloatMatrix inPlace = FloatMatrix.allocate(rows, columns);
        inPlace.copyFrom(w);
        assertThat(BlockQuantizer.quantizeResidual(inPlace, hessian, format, inPlace, Workers.serial()))
                .isEqualTo(error);
        assertThat(inPlace.toArray()).isEqualTo(residual.toArray());
    }

    @ParameterizedTest
    @CsvSource({"lc2-g16-s4x64-bf16, 0.8", "lc3-g32-s4x64-bf16, 0.8", "nf4-g64-f16, 0.8"})
    void beatsRoundingOnCorrelatedInputs(String id, double share) {
        BlockFormat format = BlockFormat.parse(id);
        FloatMatrix w = normal(64, 128, 3);
        Hessian hessian = hessian(correlated(128, 9), 64);
        Importance diagonal = Importance.diagonal(hessian.diagonal().orElseThrow());
        FloatMatrix residual = FloatMatrix.allocate(64, 128);
        BlockQuantizer.quantizeResidual(w, diagonal, format, residual, Workers.serial());
        double rounded = hessian.of(residual, 0, Workers.serial());
        assertThat(BlockQuantizer.squaredError(w, hessian, format, Workers.serial()))
                .isLessThan(share * rounded);
    }

    @Test
    void withoutCorrelationItIsRounding() {
        FloatMatrix identity = FloatMatrix.allocate(64, 64);
        for (int i = 0; i < 64; i++) {
            identity.set(i, i, 1);
        }
        FloatMatrix w = normal(10, 64, 1);
        float[] ones = new float[10];
        Arrays.fill(ones, 1);
        Hessian hessian = new Hessian(Hessian.factor(identity, DAMPING), ones);
        BlockFormat format = BlockFormat.parse("nf3-g16-s8x64-bf16");
        assertThat(codes(BlockQuantizer.quantize(w, hessian, format, Workers.serial())))
                .isEqualTo(codes(BlockQuantizer.quantize(w, format, Workers.serial())));
    }

    private static byte[] codes(BlockMatrix matrix) {
        return matrix.parts().getFirst().bytes().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
    }

    @Test
    void deadInputsAreDefined() {
        FloatMatrix h = correlated(48, 2);
        for (int j = 0; j < 48; j++) {
            h.set(11, j, 0);
            h.set(j, 11, 0);
        }
        BlockFormat format = BlockFormat.parse("lc3-g16-s4x64-bf16");
        FloatMatrix w = normal(20, 48, 4);
        assertThat(BlockQuantizer.squaredError(w, hessian(h, 20), format, Workers.serial()))
                .isPositive()
                .isFinite();
        Hessian dead = hessian(FloatMatrix.allocate(48, 48), 20);
        assertThat(BlockQuantizer.squaredError(w, dead, format, Workers.serial()))
                .isPositive()
                .isFinite();
    }

    @Test
    void anIndefiniteMomentIsRefused() {
        FloatMatrix h = FloatMatrix.allocate(2, 2);
        h.set(0, 0, 1);
        h.set(0, 1, 5);
        h.set(1, 0, 5);
        h.set(1, 1, 1);
        assertThatThrownBy(() -> Hessian.factor(h, DAMPING))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("not positive definite");
    }

    @Test
    void sameBitsForAnyWorkers() {
        FloatMatrix w = normal(200, 96, 8);
        Hessian hessian = hessian(correlated(96, 6), 200);
        BlockFormat format = BlockFormat.parse("lc3-g32-s4x64-bf16");
        BlockMatrix one = BlockQuantizer.quantize(w, hessian, format, Workers.serial());
        try (var pool = java.util.concurrent.Executors.newFixedThreadPool(3)) {
            BlockMatrix three = BlockQuantizer.quantize(w, hessian, format, Workers.on(pool, 3));
            for (int part = 0; part < one.parts().size(); part++) {
                assertThat(one.parts()
                                .get(part)
                                .bytes()
                                .mismatch(three.parts().get(part).bytes()))
                        .isEqualTo(-1);
            }
        }
    }
}
