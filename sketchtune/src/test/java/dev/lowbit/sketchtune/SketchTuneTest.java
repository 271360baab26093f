package dev.lowbit.sketchtune;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.tensor.FloatMatrix;
import java.util.Arrays;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The method as jobs sees it. */
class SketchTuneTest {
    private static final int ROWS = 40;
    private static final int COLUMNS = 96;
    private static final Workers SERIAL = Workers.serial();
    private static final Limits ANY = new Limits(0, 0, 0, 0);

    private final Compressor method = new SketchTune();
    private final FloatMatrix weights = gaussian("w", ROWS, COLUMNS);

    private static FloatMatrix gaussian(String name, int rows, int columns) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(3, "sketchtune", name).fillGaussian(m);
        return m;
    }

    static Stream<Importance> importances() {
        FloatMatrix fisher = gaussian("f", ROWS, COLUMNS);
        for (int i = 0; i < ROWS * COLUMNS; i++) {
            float f = fisher.get(i / COLUMNS, i % COLUMNS);
            fisher.set(i / COLUMNS, i % COLUMNS, f * f);
        }
        FloatMatrix moment = FloatMatrix.wrap(COLUMNS, COLUMNS, new float[COLUMNS * COLUMNS]);
        for (int i = 0; i < COLUMNS; i++) {
            for (int j = 0; j < COLUMNS; j++) {
                moment.set(i, j, (float) Math.pow(0.9, Math.abs(i - j)));
            }
        }
        float[] outputs = new float[ROWS];
        for (int i = 0; i < ROWS; i++) {
            outputs[i] = 1 + i % 3;
        }
        return Stream.of(
                Importance.uniform(), Importance.diagonal(fisher), new Hessian(Hessian.factor(moment, 0.01), outputs));
    }

    @Test
    void isFoundByItsName() {
        assertThat(ServiceLoader.load(Compressor.class).stream()
                        .map(provider -> provider.get().name()))
                .contains("sketchtune");
    }

    /** Prices fall as bytes rise; what is confirmed is what compress gives, to the bit. */
    @ParameterizedTest
    @MethodSource("importances")
    void pricesAndResults(Importance importance) {
        List<Candidate> candidates = method.price("m", weights, importance, ANY, SERIAL);
        assertThat(candidates).hasSizeGreaterThan(3);
        for (int i = 0; i < candidates.size(); i++) {
            Candidate candidate = candidates.get(i);
            assertThat(candidate.bytes()).isEqualTo(MatrixFormats.bytes(candidate.format(), ROWS, COLUMNS));
            assertThat(i == 0 || candidate.bytes() > candidates.get(i - 1).bytes())
                    .isTrue();
            assertThat(i == 0 || candidate.error() < candidates.get(i - 1).error())
                    .isTrue();
            if (i % 5 != 0) {
                continue;
            }
            Candidate confirmed = method.confirm("m", weights, importance, candidate, ANY, SERIAL);
            QuantizedMatrix matrix = method.compress("m", weights, importance, candidate, ANY, SERIAL);
            assertThat(matrix.format()).isEqualTo(candidate.format());
            assertThat(matrix.bytes()).isEqualTo(candidate.bytes());
            assertThat(MeasuredError.of(weights, matrix, importance, SERIAL).weightedError())
                    .isEqualTo(confirmed.error());
            // the price leaves out what the later rounds change
            assertThat(confirmed.error()).isBetween(0.5 * candidate.error(), 1.05 * candidate.error());
            if (candidate.exact()) {
                assertThat(confirmed.error()).isCloseTo(candidate.error(), within(1e-6 * candidate.error()));
            }
        }
    }

    /** A factor of rank 1 is all that a calibration may have left: it is damped, and the job ends. */
    @Test
    void aSingularHessianIsNoEnd() {
        FloatMatrix factor = FloatMatrix.wrap(COLUMNS, COLUMNS, new float[COLUMNS * COLUMNS]);
        for (int j = 0; j < COLUMNS; j++) {
            factor.set(j, COLUMNS - 1, 1);
        }
        float[] ones = new float[ROWS];
        Arrays.fill(ones, 1);
        Hessian singular = new Hessian(factor, ones);
        Candidate candidate = new Candidate("sketch2-r1-f16", 0, 1, 1, false);
        QuantizedMatrix matrix = method.compress("m", weights, singular, candidate, ANY, SERIAL);
        assertThat(MeasuredError.of(weights, matrix, singular, SERIAL).weightedError())
                .isLessThan(0.01 * singular.of(weights, SERIAL));
    }

    @Test
    void whatItCannotDoIsRefused() {
        assertThatThrownBy(() -> method.price("m", weights, Importance.uniform(), new Limits(1, 4, 0, 0), SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("no low-rank part");
        assertThatThrownBy(() -> method.price("m", weights, Importance.uniform(), new Limits(0, 0, 40, 0), SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("rows of 96 weights do not make equal groups of 40");
        assertThat(method.price("m", weights, Importance.uniform(), new Limits(0, 0, 48, 0), SERIAL))
                .allMatch(candidate -> candidate.format().contains("-r2-"));
        Candidate foreign = new Candidate("affine4-g32-f16", 0, 1, 1, false);
        assertThatThrownBy(() -> method.compress("m", weights, Importance.uniform(), foreign, ANY, SERIAL))
                .hasMessageContaining("sketchtune does not write the format affine4-g32-f16");
    }

    /** On short rows tables take more than codes: two of them in double while one is rounded. */
    @Test
    void tablesOfShortRowsCount() {
        int entries = 8 << 4;
        assertThat(method.heapBytes(1 << 20, 64, ANY, false)).isGreaterThan(2L * Double.BYTES * entries << 20);
        assertThat(method.scratchBytes(1 << 20, 64, ANY, false))
                .isGreaterThan(method.heapBytes(1 << 20, 64, ANY, false));
    }

    @Test
    void paperBits() {
        assertThat(method.paperBitsPerWeight("sketch4-r4-f16", 4096, 4096)).isEqualTo(4.25);
        assertThat(method.paperBitsPerWeight("sketch2-r1-f16", 64, 128)).isEqualTo(4.5);
    }

    @Test
    void aWeightThatIsNoNumberIsNamed() {
        weights.set(7, 5, Float.NaN);
        assertThatThrownBy(() -> method.price("w", weights, Importance.uniform(), ANY, SERIAL))
                .isInstanceOf(NonFiniteWeightException.class);
    }
}
