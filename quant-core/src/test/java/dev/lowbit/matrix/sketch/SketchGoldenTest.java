package dev.lowbit.matrix.sketch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.method.Tunable;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Layout, product and gradients of the released sketches. */
class SketchGoldenTest {
    private static final double TOLERANCE = 1e-5;
    private static final Workers SERIAL = Workers.serial();

    private record Case(Path file, String name) {
        @Override
        public String toString() {
            return file.getFileName() + " " + name;
        }
    }

    static Stream<Case> cases() {
        List<Case> cases = new ArrayList<>();
        for (Path file : SharedData.files("golden/sketchtune", "sketch_", ".safetensors")) {
            try (GoldenFile golden = new GoldenFile(file)) {
                for (String name : golden.names()) {
                    if (name.endsWith("/packed")) {
                        cases.add(new Case(file, name.substring(0, name.length() - "/packed".length())));
                    }
                }
            }
        }
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void layoutProductAndGradients(Case c) {
        try (GoldenFile golden = new GoldenFile(c.file)) {
            List<Long> shape = golden.shape(c.name + "/grid");
            int rows = Math.toIntExact(shape.get(0));
            int groups = Math.toIntExact(shape.get(1));
            int entries = Math.toIntExact(shape.get(2));
            int bits = Integer.numberOfTrailingZeros(entries);
            byte[] codes = golden.bytes(c.name + "/codes");
            byte[] packed = golden.bytes(c.name + "/packed");
            int columns = codes.length / rows;
            assertThat(NibbleLayout.pack(codes, columns / groups)).isEqualTo(packed);
            assertThat(NibbleLayout.unpack(packed, columns / groups, bits)).isEqualTo(codes);

            SketchFormat format = new SketchFormat(bits, groups, new TableFormat.Direct(DType.F32));
            StoredTables tables = StoredTables.round(golden.floats(c.name + "/grid"), entries, format.tables())
                    .orElseThrow();
            SketchMatrix matrix = SketchMatrix.of(rows, columns, format, PackedCodes.pack(codes, bits), tables);
            float[] inputs = golden.floats(c.name + "/x");
            int tokens = inputs.length / columns;
            FloatMatrix x = FloatMatrix.wrap(tokens, columns, inputs);
            FloatMatrix dy = FloatMatrix.wrap(tokens, rows, golden.floats(c.name + "/dy"));
            float[] y = new float[tokens * rows];
            matrix.multiply(x, FloatMatrix.wrap(tokens, rows, y), SERIAL);
            close(y, golden.numbers(c.name + "/y"));
            float[] dx = new float[tokens * columns];
            matrix.multiplyTransposed(dy, FloatMatrix.wrap(tokens, columns, dx), SERIAL);
            close(dx, golden.numbers(c.name + "/grad_x"));
            try (Tunable tunable =
                    Tunable.of(matrix, Tunable.Extent.ALL, SERIAL).orElseThrow()) {
                tunable.accumulate(x, dy, SERIAL);
                close(tunable.parts().getFirst().gradient().toArray(), golden.numbers(c.name + "/grad_grid"));
            }
        }
    }

    private static void close(float[] actual, double[] expected) {
        double largest = 0;
        for (double value : expected) {
            largest = Math.max(largest, Math.abs(value));
        }
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < actual.length; i++) {
            assertThat((double) actual[i]).isCloseTo(expected[i], within(TOLERANCE * largest));
        }
    }

    @Test
    void nibblesNeedPairsAndCodesInRange() {
        assertThatThrownBy(() -> NibbleLayout.pack(new byte[6], 3))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("groups of 3 columns");
        assertThatThrownBy(() -> NibbleLayout.unpack(new byte[] {0x14}, 2, 2))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("code 4 at index 1");
    }
}
