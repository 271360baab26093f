package dev.lowbit.int2lrec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.budget.Candidate;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.CorrelatedInputs;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.method.Compressor.Limits;
import dev.lowbit.store.MeasuredError;
import dev.lowbit.tensor.FloatMatrix;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class Int2LrecTest {
    private static final int ROWS = 90;
    private static final int COLUMNS = 72;
    private static final Workers SERIAL = Workers.serial();

    private final Int2Lrec method = new Int2Lrec();

    /** How errors are weighed. */
    enum Kind {
        UNIFORM,
        DIAGONAL,
        HESSIAN;

        Importance importance() {
            return importance(ROWS, COLUMNS);
        }

        Importance importance(int rows, int columns) {
            return switch (this) {
                case UNIFORM -> Importance.uniform();
                case DIAGONAL -> CorrelatedInputs.diagonal(rows, columns);
                case HESSIAN -> CorrelatedInputs.hessian(rows, columns);
            };
        }
    }

    private static double error(FloatMatrix w, QuantizedMatrix matrix, Importance importance) {
        return MeasuredError.of(w, matrix, importance, SERIAL).weightedError();
    }

    /** Bytes are exact, an exact price and a confirmed one are not exceeded, and more bytes are worth something. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void pricesHold(Kind kind) {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        Importance importance = kind.importance();
        Limits limits = new Limits(0, 4, 0, 3);
        List<Candidate> candidates = method.price("w", w, importance, limits, SERIAL);
        assertThat(candidates).anyMatch(candidate -> candidate.rank() > 0);
        for (int i = 0; i < candidates.size(); i += 5) {
            Candidate candidate = candidates.get(i);
            assertThat(candidate.bytes()).isEqualTo(MatrixFormats.bytes(candidate.format(), ROWS, COLUMNS));
            assertThat(method.writes(MatrixFormats.parse(candidate.format()))).isTrue();
            Candidate confirmed = method.confirm("w", w, importance, candidate, limits, SERIAL);
            QuantizedMatrix matrix = method.compress("w", w, importance, candidate, limits, SERIAL);
            assertThat(matrix.format()).isEqualTo(candidate.format());
            assertThat(matrix.bytes()).isEqualTo(candidate.bytes());
            // sums in float inside, measured in double
            assertThat(error(w, matrix, importance)).isLessThanOrEqualTo(confirmed.error() * (1 + 1e-5));
            if (candidate.exact()) {
                assertThat(confirmed.error()).isBetween(candidate.error() * 0.9999, candidate.error() * 1.001);
            }
        }
    }

    /** The correction helps at every rank, and more at a higher one; the prediction is of the right size. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void correctionsPay(Kind kind) {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        Importance importance = kind.importance();
        double before = compressed(w, importance, "affine2-g24-f16");
        for (int rank : new int[] {1, 3, 8}) {
            double error = compressed(w, importance, "affine2-g24-f16+r" + rank + "-f16");
            assertThat(error).as(kind + " rank " + rank).isLessThan(before);
            before = error;
        }
    }

    private double compressed(FloatMatrix w, Importance importance, String format) {
        Candidate candidate = new Candidate(format, MatrixFormats.parse(format).rank(), 0, 0, false);
        QuantizedMatrix matrix = method.compress("w", w, importance, candidate, new Limits(0, 8, 0, 0), SERIAL);
        return error(w, matrix, importance);
    }

    /** Readers let weights of up to 2^100 pass. Costs by which groups are searched are floats and overflow there, so that they stay where they began. */
    @ParameterizedTest
    @EnumSource(Kind.class)
    void hugeWeightsAreCorrected(Kind kind) {
        int rows = 260;
        int columns = 270;
        FloatMatrix w = CorrelatedInputs.gaussian(rows, columns, "w");
        FloatMatrix huge = FloatMatrix.allocate(rows, columns);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++) {
                huge.set(i, j, 0x1p97f * w.get(i, j));
            }
        }
        Importance importance = kind.importance(rows, columns);
        String format = "affine2-row-bf16+r2-bf16";
        double usual = compressed(w, importance, format);
        assertThat(compressed(huge, importance, format)).isBetween(0.98 * 0x1p194 * usual, 1.5 * 0x1p194 * usual);
        assertThat(method.price("w", huge, importance, new Limits(0, 2, 0, 0), SERIAL))
                .anyMatch(candidate -> candidate.rank() > 0);
    }

    @ParameterizedTest
    @ValueSource(strings = {"affine2-g16-f16+r2-nf8", "affine3-g32-s4x64-bf16"})
    void workersChangeNothing(String format) {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        Importance importance = CorrelatedInputs.hessian(ROWS, COLUMNS);
        Candidate candidate = new Candidate(format, MatrixFormats.parse(format).rank(), 0, 0, false);
        Limits limits = new Limits(0, 8, 0, 0);
        QuantizedMatrix one = method.compress("w", w, importance, candidate, limits, SERIAL);
        try (ExecutorService pool = Executors.newFixedThreadPool(3)) {
            QuantizedMatrix other = method.compress("w", w, importance, candidate, limits, Workers.on(pool, 3));
            for (int p = 0; p < one.parts().size(); p++) {
                assertThat(other.parts()
                                .get(p)
                                .bytes()
                                .mismatch(one.parts().get(p).bytes()))
                        .isEqualTo(-1);
            }
        }
    }

    @Test
    void minimumRankAndGroupSize() {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        List<Candidate> candidates = method.price("w", w, Importance.uniform(), new Limits(2, 6, 32, 0), SERIAL);
        assertThat(candidates).isNotEmpty().allMatch(candidate -> candidate.rank() >= 2 && candidate.rank() <= 6);
        assertThat(candidates).allMatch(candidate -> candidate.format().contains("-g32-"));
    }

    @Test
    void paperCountsNeitherScalesNorZeros() {
        assertThat(method.paperBitsPerWeight("affine2-g128-f16", 4096, 4096)).isEqualTo(2);
        // 16 r (m + n) / (m n)
        assertThat(method.paperBitsPerWeight("affine2-g128-f16+r32-f16", 4096, 4096))
                .isEqualTo(2.25);
        assertThatThrownBy(() -> method.paperBitsPerWeight("nf3-g64-f16", 64, 64))
                .isInstanceOf(InvalidRequestException.class);
    }

    @Test
    void whatItDoesNotWrite() {
        for (String format : List.of("nf3-g64-f16", "affine2-g32-f16-gidx", "affine2-g32-f16+r2-nf4-g64-f16", "bf16")) {
            assertThat(method.writes(MatrixFormats.parse(format))).as(format).isFalse();
        }
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        assertThatThrownBy(() -> compressed(w, Importance.uniform(), "nf3-g64-f16"))
                .isInstanceOf(InvalidRequestException.class)
                .hasMessageContaining("nf3-g64-f16");
    }

    @Test
    void aSingleMatrixToABudget() {
        FloatMatrix w = CorrelatedInputs.gaussian(ROWS, COLUMNS, "w");
        QuantizedMatrix q =
                Int2Lrec.builder().maxRank(4).bitsPerWeight(3.1).build().compress(w);
        assertThat(q.bitsPerWeight()).isBetween(2.9, 3.1);
        assertThat(q.format()).startsWith("affine");
    }
}
