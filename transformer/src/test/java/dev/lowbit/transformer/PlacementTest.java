package dev.lowbit.transformer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceMatrix;
import dev.lowbit.error.DeviceException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A model whose weights go to a device that counts them and computes as the CPU does. */
class PlacementTest {
    private static final TokenBatch TOKENS = TokenBatch.of(new int[] {1, 5, 2, 9});

    @TempDir
    private Path folder;

    /** Holds so many matrices and no more. */
    private static final class CountingDevice implements Device {
        private final int most;
        private int held;
        private int products;

        CountingDevice(int most) {
            this.most = most;
        }

        @Override
        public String description() {
            return "counts";
        }

        @Override
        public DeviceMatrix place(QuantizedMatrix matrix) {
            if (held == most) {
                throw new DeviceException("full");
            }
            held++;
            return new Held(matrix, this);
        }

        @Override
        public void close() {}
    }

    private record Held(QuantizedMatrix matrix, CountingDevice device) implements DeviceMatrix {
        @Override
        public int rows() {
            return matrix.rows();
        }

        @Override
        public int columns() {
            return matrix.columns();
        }

        @Override
        public String format() {
            return matrix.format();
        }

        @Override
        public List<Part> parts() {
            return matrix.parts();
        }

        @Override
        public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
            matrix.dequantize(fromRow, out, workers);
        }

        @Override
        public void multiply(FloatMatrix x, FloatMatrix y, Workers workers) {
            device.products++;
            matrix.multiply(x, y, workers);
        }

        @Override
        public void close() {
            device.held--;
        }
    }

    private Transformer model(boolean tied) {
        return new SmallModels(new ModelShape(12, 2, 4, 2, 6, 20, 17, 16), true, "silu", true, tied, 3).load(folder);
    }

    private static float[] logits(Transformer model) {
        try (Workspace space = new Workspace()) {
            FloatMatrix logits = FloatMatrix.wrap(4, 17, new float[4 * 17]);
            model.logits(model.hidden(TOKENS, space, Workers.serial()), logits, Workers.serial());
            return logits.toArray();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyProductRunsThereUntilTheModelIsClosed(boolean tied) {
        CountingDevice device = new CountingDevice(Integer.MAX_VALUE);
        try (Transformer model = model(tied)) {
            float[] before = logits(model);
            int matrices = model.linears().size() + 1;
            model.place(device);
            assertThat(device.held).isEqualTo(matrices);
            assertThat(logits(model)).isEqualTo(before);
            assertThat(device.products).isEqualTo(matrices);
        }
        assertThat(device.held).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 14})
    void aDeviceThatIsTooSmallChangesNothing(int most) {
        CountingDevice device = new CountingDevice(most);
        try (Transformer model = model(false)) {
            float[] before = logits(model);
            assertThatThrownBy(() -> model.place(device))
                    .isInstanceOf(DeviceException.class)
                    .hasMessage("full");
            assertThat(device.held).isZero();
            assertThat(logits(model)).isEqualTo(before);
            assertThat(device.products).isZero();
        }
    }
}
