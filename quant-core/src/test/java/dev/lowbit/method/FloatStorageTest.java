package dev.lowbit.method;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.ServiceLoader;
import org.junit.jupiter.api.Test;

class FloatStorageTest {
    private static final Workers SERIAL = Workers.serial();
    private static final Limits ANY = new Limits(0, 0, 0, 0);

    private final Compressor method = new FloatStorage();
    private final FloatMatrix weights = gaussian(5, 7);

    private static FloatMatrix gaussian(int rows, int columns) {
        FloatMatrix m = FloatMatrix.wrap(rows, columns, new float[rows * columns]);
        RandomStream.of(1, "float", "w").fillGaussian(m);
        return m;
    }

    @Test
    void isFoundByItsName() {
        assertThat(ServiceLoader.load(Compressor.class).stream()
                        .map(provider -> provider.get().name()))
                .contains("float");
    }

    @Test
    void aPriceIsTheErrorOfWhatIsStored() {
        List<Candidate> candidates = method.price("m", weights, Importance.uniform(), ANY, SERIAL);
        assertThat(candidates).extracting(Candidate::format).containsExactly("f16", "bf16", "f32");
        for (Candidate candidate : candidates) {
            QuantizedMatrix stored = method.compress("m", weights, Importance.uniform(), candidate, ANY, SERIAL);
            double error = 0;
            try (FloatMatrix read = FloatMatrix.allocate(5, 7)) {
                stored.dequantize(0, read, SERIAL);
                for (int i = 0; i < 5; i++) {
                    for (int j = 0; j < 7; j++) {
                        error += Math.pow((double) weights.get(i, j) - read.get(i, j), 2);
                    }
                }
            }
            // the sum of squares runs in floats
            assertThat(candidate.error()).isCloseTo(error, org.assertj.core.data.Offset.offset(1e-6 * error));
            assertThat(candidate.bytes()).isEqualTo(MatrixFormats.bytes(candidate.format(), 5, 7));
            assertThat(method.confirm("m", weights, Importance.uniform(), candidate, ANY, SERIAL))
                    .isEqualTo(candidate);
        }
        assertThat(candidates.getLast().error()).isZero();
    }

    @Test
    void aWeightBeyondHalfFloatsTakesThemOut() {
        weights.set(3, 2, -65_520);
        assertThat(method.price("m", weights, Importance.uniform(), ANY, SERIAL))
                .extracting(Candidate::format)
                .containsExactly("bf16", "f32");
        weights.set(3, 2, -65_519);
        assertThat(method.price("m", weights, Importance.uniform(), ANY, SERIAL))
                .hasSize(3);
    }

    @Test
    void refusals() {
        assertThatThrownBy(() -> method.price("m", weights, Importance.uniform(), new Limits(1, 4, 0, 0), SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("tune --rank");
        Candidate other = new Candidate("affine4-g32-f16", 0, 0, 0, true);
        assertThatThrownBy(() -> method.compress("m", weights, Importance.uniform(), other, ANY, SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("f16, bf16 or f32");
    }
}
