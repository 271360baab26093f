package dev.lowbit.pvtuning;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.CorrelatedInputs;
import dev.lowbit.importance.Hessian;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.method.ModelWeights;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.tensor.FloatMatrix;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.BiConsumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PvTuningTest {
    private static final Limits LIMITS = new Limits(0, 64, 0, 3);
    private static final Workers SERIAL = Workers.serial();

    /** Matrices in memory, every weight alike. */
    private static final class Model implements ModelWeights {
        private final Map<String, FloatMatrix> matrices = new LinkedHashMap<>();

        Model with(String name, FloatMatrix matrix) {
            matrices.put(name, matrix);
            return this;
        }

        @Override
        public List<Shape> matrices() {
            return matrices.entrySet().stream()
                    .map(e -> new Shape(
                            e.getKey(), e.getValue().rows(), e.getValue().columns()))
                    .toList();
        }

        @Override
        public void visit(Shape matrix, BiConsumer<FloatMatrix, Importance> visitor) {
            visitor.accept(matrices.get(matrix.name()), Importance.uniform());
        }
    }

    private static Compressor of(Model model, Workers workers) {
        return new PvTuning().forModel(model, LIMITS, workers);
    }

    private static Compressor of(FloatMatrix matrix) {
        return of(new Model().with("w", matrix), SERIAL);
    }

    private static Candidate candidate(Compressor method, String id, FloatMatrix w) {
        MatrixFormat format = MatrixFormats.parse(id);
        return new Candidate(id, 0, method.bytes(format, w.rows(), w.columns()), 0, false);
    }

    private static byte[] bytes(QuantizedMatrix matrix) {
        java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
        for (Part part : matrix.parts()) {
            all.writeBytes(part.bytes().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
        }
        return all.toByteArray();
    }

    private static long ownBytes(QuantizedMatrix matrix, boolean shared) {
        return matrix.parts().stream()
                .filter(part -> !shared || !part.name().equals("codebooks"))
                .mapToLong(part -> part.bytes().byteSize())
                .sum();
    }

    static Stream<Importance> importances() {
        return Stream.of(Importance.uniform(), CorrelatedInputs.diagonal(40, 52), CorrelatedInputs.hessian(40, 52));
    }

    @ParameterizedTest
    @MethodSource("importances")
    void compressKeepsWhatConfirmPromises(Importance importance) {
        FloatMatrix w = CorrelatedInputs.gaussian(40, 52, "w");
        Compressor method = of(w);
        List<Candidate> prices = method.price("w", w, importance, LIMITS, SERIAL);
        assertThat(prices).isNotEmpty();
        for (Candidate price : prices) {
            Candidate confirmed = method.confirm("w", w, importance, price, LIMITS, SERIAL);
            QuantizedMatrix matrix = method.compress("w", w, importance, price, LIMITS, SERIAL);
            double error = MeasuredError.of(w, matrix, importance, SERIAL).weightedError();
            assertThat(error).isLessThanOrEqualTo(confirmed.error());
            assertThat(confirmed.error()).isLessThan(1.5 * price.error());
            assertThat(price.error()).isLessThan(1.5 * confirmed.error());
            assertThat(matrix.format()).isEqualTo(price.format());
            String id =
                    method.sharedAs(MatrixFormats.parse(price.format()), 40, 52).orElseThrow();
            assertThat(ownBytes(matrix, true)).isEqualTo(price.bytes());
            Part book = method.shared(id).getFirst();
            assertThat(matrix.parts().getLast().bytes().mismatch(book.bytes())).isEqualTo(-1);
        }
    }

    /** Whatever a matrix looks like; also with fewer groups than codewords, and rows shorter than a group. */
    @ParameterizedTest
    @CsvSource({"1, 1", "1, 100", "100, 1", "5, 7", "3, 16", "17, 33"})
    void anySize(int rows, int columns) {
        FloatMatrix w = CorrelatedInputs.gaussian(rows, columns, "w");
        Compressor method = of(w);
        for (String id : List.of("aq1x6-g8-row-s4x64-bf16", "aq2x8-g4-row-f16", "aq1x8-g16-row-bf16")) {
            QuantizedMatrix matrix =
                    method.compress("w", w, Importance.uniform(), candidate(method, id, w), LIMITS, SERIAL);
            MeasuredError error = MeasuredError.of(w, matrix, Importance.uniform(), SERIAL);
            assertThat(error.relativeError()).as(id).isLessThan(0.9);
        }
        assertThat(method.price("w", w, Importance.uniform(), LIMITS, SERIAL)).isNotEmpty();
        QuantizedMatrix own = PvTuning.builder().bitsPerWeight(40_000).build().compress(w);
        assertThat(own.rows()).isEqualTo(rows);
    }

    @Test
    void zerosStayZero() {
        FloatMatrix w = FloatMatrix.allocate(12, 24);
        Compressor method = of(w);
        for (Importance importance : List.of(Importance.uniform(), CorrelatedInputs.hessian(12, 24))) {
            for (Compressor each : List.of(method, new PvTuning())) {
                Candidate candidate = candidate(each, "aq1x6-g8-row-s4x64-bf16", w);
                QuantizedMatrix matrix = each.compress("w", w, importance, candidate, LIMITS, SERIAL);
                assertThat(MeasuredError.of(w, matrix, importance, SERIAL).relativeError())
                        .isZero();
            }
        }
        assertThat(method.price("w", w, Importance.uniform(), LIMITS, SERIAL)).allMatch(price -> price.error() == 0);
    }

    @Test
    void aZeroRowAmongOthers() {
        FloatMatrix w = CorrelatedInputs.gaussian(12, 24, "w");
        for (int j = 0; j < 24; j++) {
            w.set(5, j, 0);
        }
        Compressor method = of(w);
        QuantizedMatrix matrix = method.compress(
                "w", w, Importance.uniform(), candidate(method, "aq1x6-g2-row-s4x64-bf16", w), LIMITS, SERIAL);
        FloatMatrix row = FloatMatrix.allocate(1, 24);
        matrix.dequantize(5, row, SERIAL);
        for (float value : row.toArray()) {
            assertThat(Math.abs(value)).isZero();
        }
        assertThat(MeasuredError.of(w, matrix, Importance.uniform(), SERIAL).relativeError())
                .isLessThan(0.5);
    }

    @Test
    void workersDoNotMatter() {
        FloatMatrix a = CorrelatedInputs.gaussian(130, 48, "a");
        FloatMatrix b = CorrelatedInputs.gaussian(64, 136, "b");
        Hessian hessian = CorrelatedInputs.hessian(130, 48);
        Model model = new Model().with("a", a).with("b", b);
        Compressor serial = of(model, SERIAL);
        Candidate candidate = candidate(serial, "aq2x6-g8-row-s4x64-bf16", a);
        byte[] expected = bytes(serial.compress("a", a, hessian, candidate, LIMITS, SERIAL));
        try (ExecutorService threads = Executors.newFixedThreadPool(3)) {
            Workers workers = Workers.on(threads, 3);
            Compressor parallel = of(model, workers);
            assertThat(bytes(parallel.compress("a", a, hessian, candidate, LIMITS, workers)))
                    .isEqualTo(expected);
            assertThat(parallel.price("a", a, hessian, LIMITS, workers))
                    .isEqualTo(serial.price("a", a, hessian, LIMITS, SERIAL));
        }
    }

    @Test
    void aLargeMatrixHasCodebooksOfItsOwn() {
        FloatMatrix large = CorrelatedInputs.gaussian(512, 352, "large");
        FloatMatrix small = CorrelatedInputs.gaussian(16, 352, "small");
        Compressor method = of(new Model().with("large", large).with("small", small), SERIAL);
        MatrixFormat format = MatrixFormats.parse("aq1x6-g4-row-s4x64-bf16");
        assertThat(method.sharedAs(format, 512, 352)).isEmpty();
        assertThat(method.sharedAs(format, 16, 352)).isEqualTo(Optional.of("aq1x6-g4"));
        Candidate candidate = candidate(method, format.id(), large);
        assertThat(candidate.bytes()).isEqualTo(format.bytes(512, 352));
        Candidate confirmed = method.confirm("large", large, Importance.uniform(), candidate, LIMITS, SERIAL);
        QuantizedMatrix matrix = method.compress("large", large, Importance.uniform(), candidate, LIMITS, SERIAL);
        MeasuredError error = MeasuredError.of(large, matrix, Importance.uniform(), SERIAL);
        assertThat(error.squaredError()).isLessThanOrEqualTo(confirmed.error());
        // Gaussian weights at 1.5 bits: 2^-1.5 is the limit of every code, a scalar quantizer gives 0.47
        assertThat(error.relativeError()).isBetween(0.36, 0.44);
        assertThat(ownBytes(matrix, false)).isEqualTo(candidate.bytes());
    }

    @Test
    void refusesWhatItCannotDo() {
        FloatMatrix w = CorrelatedInputs.gaussian(8, 16, "w");
        Compressor method = of(w);
        assertThatThrownBy(() -> method.price("w", w, Importance.uniform(), new Limits(1, 8, 0, 0), SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("--min-rank");
        assertThatThrownBy(() -> method.price("w", w, Importance.uniform(), new Limits(0, 8, 5, 0), SERIAL))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("--group 5");
        for (String foreign : List.of("nf3-g64-s8x256-bf16", "aq1x4-g8o2-row-f16", "aq1x4-g4-s8-f16")) {
            assertThat(method.writes(MatrixFormats.parse(foreign))).isFalse();
            assertThatThrownBy(() -> method.compress(
                            "w", w, Importance.uniform(), new Candidate(foreign, 0, 0, 0, true), LIMITS, SERIAL))
                    .isInstanceOf(InvalidRequestException.class)
                    .hasMessageContaining(foreign);
        }
        assertThat(method.price("w", w, Importance.uniform(), new Limits(0, 8, 4, 0), SERIAL))
                .allMatch(price -> price.format().contains("-g4-"));
    }
}
