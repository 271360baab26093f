package dev.lowbit.matrix;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What every representation must do; a representation subclasses it and names its formats. */
@Tag("kernels")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
public abstract class QuantizedMatrixContract {
    private static final int[][] SHAPES = {{1, 1}, {1, 37}, {37, 1}, {5, 64}, {7, 129}, {70, 96}, {33, 200}, {300, 65}};

    /** Spacing of floats near 1. */
    private static final double EPSILON = 0x1p-23;

    /** Formats to test, at least one of each kind. */
    protected abstract List<String> formats();

    /** A matrix in a format, made from these weights by whatever the representation's quantizer is. */
    protected abstract QuantizedMatrix quantize(FloatMatrix weights, String format, Workers workers);

    /** Whether a format can hold matrices of this shape; most hold all. */
    protected boolean suits(String format, int rows, int columns) {
        return true;
    }

    /** A case of the test: a format and a shape. */
    public record Case(QuantizedMatrixContract contract, String format, int rows, int columns) {
        FloatMatrix weights() {
            Random random = new Random(31L * rows + columns);
            float[] values = new float[rows * columns];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            return FloatMatrix.wrap(rows, columns, values);
        }

        QuantizedMatrix matrix() {
            return contract.quantize(weights(), format, Workers.serial());
        }

        @Override
        public String toString() {
            return format + " " + rows + "x" + columns;
        }
    }

    Stream<Case> cases() {
        return formats().stream()
                .flatMap(f ->
                        Stream.of(SHAPES).filter(s -> suits(f, s[0], s[1])).map(s -> new Case(this, f, s[0], s[1])));
    }

    @ParameterizedTest
    @MethodSource("cases")
    void statesItsExactLayoutBytesAndIdentifier(Case c) {
        QuantizedMatrix matrix = c.matrix();
        assertThat(matrix.format()).isEqualTo(c.format);
        assertThat(MatrixFormats.parse(c.format).id()).isEqualTo(c.format);
        assertThat(matrix.bytes()).isEqualTo(MatrixFormats.bytes(c.format, c.rows, c.columns));
        List<PartSpec> layout = MatrixFormats.layout(c.format, c.rows, c.columns);
        assertThat(matrix.parts().stream().map(p -> new PartSpec(p.name(), p.type(), p.shape())))
                .containsExactlyElementsOf(layout);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void survivesItsParts(Case c) {
        QuantizedMatrix matrix = c.matrix();
        QuantizedMatrix again = MatrixFormats.read(c.format, c.rows, c.columns, byName(matrix));
        assertThat(dequantized(again, Workers.serial())).isEqualTo(dequantized(matrix, Workers.serial()));
        for (int i = 0; i < matrix.parts().size(); i++) {
            assertThat(bytes(again.parts().get(i)))
                    .isEqualTo(bytes(matrix.parts().get(i)));
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void productsMatchTheDoubleReference(Case c) {
        QuantizedMatrix matrix = c.matrix();
        float[] w = dequantized(matrix, Workers.serial());
        for (int tokens : new int[] {1, 3, 9}) {
            FloatMatrix x = random(tokens, c.columns);
            FloatMatrix y = random(tokens, c.rows);
            FloatMatrix product = FloatMatrix.wrap(tokens, c.rows, new float[tokens * c.rows]);
            matrix.multiply(x, product, Workers.serial());
            FloatMatrix transposed = FloatMatrix.wrap(tokens, c.columns, new float[tokens * c.columns]);
            matrix.multiplyTransposed(y, transposed, Workers.serial());
            for (int t = 0; t < tokens; t++) {
                for (int i = 0; i < c.rows; i++) {
                    checkSum(product.get(t, i), x, t, c.columns, w, i * c.columns, 1, c);
                }
                for (int j = 0; j < c.columns; j++) {
                    checkSum(transposed.get(t, j), y, t, c.rows, w, j, c.columns, c);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void bitsDoNotDependOnWhereVectorsLie(Case c) {
        QuantizedMatrix matrix = c.matrix();
        try (FloatMatrix off = FloatMatrix.allocate(c.rows, c.columns)) {
            matrix.dequantize(0, off, Workers.serial());
            assertThat(off.toArray()).isEqualTo(dequantized(matrix, Workers.serial()));
        }
        for (int tokens : new int[] {1, 9}) {
            FloatMatrix x = random(tokens, c.columns);
            FloatMatrix y = random(tokens, c.rows);
            FloatMatrix product = FloatMatrix.wrap(tokens, c.rows, new float[tokens * c.rows]);
            FloatMatrix transposed = FloatMatrix.wrap(tokens, c.columns, new float[tokens * c.columns]);
            matrix.multiply(x, product, Workers.serial());
            matrix.multiplyTransposed(y, transposed, Workers.serial());
            try (FloatMatrix inputs = FloatMatrix.allocate(tokens, c.columns);
                    FloatMatrix outputs = FloatMatrix.allocate(tokens, c.rows)) {
                inputs.copyFrom(x);
                matrix.multiply(inputs, outputs, Workers.serial());
                assertThat(outputs.toArray()).isEqualTo(product.toArray());
                outputs.copyFrom(y);
                matrix.multiplyTransposed(outputs, inputs, Workers.serial());
                assertThat(inputs.toArray()).isEqualTo(transposed.toArray());
            }
        }
    }

    /** Float sums of n products round at most n + 8 times, relative to the sum of magnitudes; a low-rank term adds its own, below 16 of them. */
    private void checkSum(float actual, FloatMatrix x, int token, int count, float[] w, int from, int step, Case c) {
        double sum = 0;
        double magnitude = 0;
        for (int k = 0; k < count; k++) {
            double product = (double) x.get(token, k) * w[from + k * step];
            sum += product;
            magnitude += Math.abs(product);
        }
        double tolerance = (count + 8) * EPSILON * (magnitude + extraMagnitude(c.rows, c.columns));
        if (!(Math.abs(actual - sum) <= tolerance)) {
            assertThat((double) actual).as("%s", c).isEqualTo(sum);
        }
    }

    /** Magnitude of terms that cancel in Ŵ but not in its products; 0 where there is one term. */
    protected double extraMagnitude(int rows, int columns) {
        return 0;
    }

    @ParameterizedTest
    @MethodSource("cases")
    void anyWorkersGiveTheSameBits(Case c) {
        QuantizedMatrix serial = c.matrix();
        FloatMatrix x = random(2, c.columns);
        FloatMatrix y = random(2, c.rows);
        try (ExecutorService executor = Executors.newFixedThreadPool(3)) {
            Workers many = Workers.on(executor, 3);
            QuantizedMatrix parallel = quantize(c.weights(), c.format, many);
            for (int i = 0; i < serial.parts().size(); i++) {
                assertThat(bytes(parallel.parts().get(i)))
                        .isEqualTo(bytes(serial.parts().get(i)));
            }
            assertThat(dequantized(serial, many)).isEqualTo(dequantized(serial, Workers.serial()));
            float[][] products = new float[2][2 * c.rows];
            float[][] transposed = new float[2][2 * c.columns];
            for (int run = 0; run < 2; run++) {
                Workers workers = run == 0 ? Workers.serial() : many;
                serial.multiply(x, FloatMatrix.wrap(2, c.rows, products[run]), workers);
                serial.multiplyTransposed(y, FloatMatrix.wrap(2, c.columns, transposed[run]), workers);
            }
            assertThat(products[1]).isEqualTo(products[0]);
            assertThat(transposed[1]).isEqualTo(transposed[0]);
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void dequantizesAnyRows(Case c) {
        QuantizedMatrix matrix = c.matrix();
        float[] all = dequantized(matrix, Workers.serial());
        int from = c.rows / 3;
        int count = Math.max(1, c.rows / 2);
        FloatMatrix some = FloatMatrix.wrap(count, c.columns, new float[count * c.columns]);
        matrix.dequantize(from, some, Workers.serial());
        assertThat(some.toArray())
                .isEqualTo(java.util.Arrays.copyOfRange(all, from * c.columns, (from + count) * c.columns));
        assertThatThrownBy(() -> matrix.dequantize(c.rows, some, Workers.serial()))
                .isInstanceOf(IllegalArgumentException.class);
    }

    @ParameterizedTest
    @MethodSource("cases")
    void refusesPartsThatAreMissingForeignOrOfTheWrongSize(Case c) {
        QuantizedMatrix matrix = c.matrix();
        for (Part part : matrix.parts()) {
            Map<String, Part> parts = byName(matrix);
            parts.remove(part.name());
            assertRefused(c, parts, part.name());
            parts.put(part.name(), Part.of(part.name(), DType.U8, MemorySegment.ofArray(new byte[3])));
            if (part.bytes().byteSize() != 3 || part.type() != DType.U8) {
                assertRefused(c, parts, part.name());
            }
            parts.put(part.name(), part);
            parts.put("foreign", part);
            assertRefused(c, parts, "foreign");
        }
    }

    @ParameterizedTest
    @MethodSource("cases")
    void refusesFloatsThatAreNotNumbers(Case c) {
        for (Part part : c.matrix().parts()) {
            if (part.type() == DType.U8) {
                continue;
            }
            byte[] broken = bytes(part);
            java.util.Arrays.fill(broken, (byte) 0xff);
            Map<String, Part> parts = byName(c.matrix());
            parts.put(part.name(), new Part(part.name(), part.type(), part.shape(), MemorySegment.ofArray(broken)));
            assertRefused(c, parts, part.name());
        }
    }

    private static void assertRefused(Case c, Map<String, Part> parts, String name) {
        assertThatThrownBy(() -> MatrixFormats.read(c.format, c.rows, c.columns, parts))
                .isInstanceOfSatisfying(
                        MalformedPartException.class, e -> assertThat(e.part()).isEqualTo(name));
    }

    private static Map<String, Part> byName(QuantizedMatrix matrix) {
        Map<String, Part> parts = new LinkedHashMap<>();
        matrix.parts().forEach(part -> parts.put(part.name(), part));
        return parts;
    }

    private static byte[] bytes(Part part) {
        return part.bytes().toArray(ValueLayout.JAVA_BYTE);
    }

    private static float[] dequantized(QuantizedMatrix matrix, Workers workers) {
        FloatMatrix out =
                FloatMatrix.wrap(matrix.rows(), matrix.columns(), new float[matrix.rows() * matrix.columns()]);
        matrix.dequantize(0, out, workers);
        return out.toArray();
    }

    private static FloatMatrix random(int rows, int columns) {
        Random random = new Random(columns);
        float[] values = new float[rows * columns];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return FloatMatrix.wrap(rows, columns, values);
    }
}
