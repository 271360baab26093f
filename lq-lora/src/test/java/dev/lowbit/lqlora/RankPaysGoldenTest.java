package dev.lowbit.lqlora;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.LowRank;
import dev.lowbit.linalg.Norms;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.linalg.RandomizedSvd;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.sum.FactorFormat;
import dev.lowbit.tensor.FloatMatrix;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import org.assertj.core.api.Assumptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Real weights with low-rank structure: a rank is chosen and wins at equal bytes; without counting it, it wins always. */
class RankPaysGoldenTest {
    private static final long SMALLEST = 1 << 14;
    private static final long LARGEST = 350_000;
    private static final int RANK = 8;
    private static final double[] BUDGETS = {2.5, 3};

    /** Bits of an NF8 factor entry with its scales. */
    private static final double FACTOR_BITS = 8.13;

    static List<Path> models() {
        return SharedData.models();
    }

    /** The matrix of a model for which a rank promises most, with what it promises. */
    private record Structured(String name, double promise) {}

    private static boolean isLinear(TensorInfo info) {
        return info.isMatrix()
                && info.type().isWeight()
                && info.elements() >= SMALLEST
                && info.elements() <= LARGEST
                && !info.name().contains("emb");
    }

    /** The factor on the error, by energy: what is left beside the rank, times what its bytes would have bought as code bits. */
    private static double promise(String name, FloatMatrix w) {
        double best = 1;
        double all = Norms.sumOfSquares(w, Workers.serial());
        for (int rank = 1; rank <= RANK; rank *= 2) {
            try (LowRank low = LowRank.allocate(w.rows(), w.columns(), rank);
                    LowRank none = LowRank.allocate(w.rows(), w.columns(), 0);
                    FloatMatrix rest = FloatMatrix.allocate(w.rows(), w.columns())) {
                RandomStream stream = RandomStream.of(0, "test", name);
                RandomizedSvd.of(new ResidualMap(w, none, 1, null), low, 10, 2, stream, Workers.serial());
                rest.copyFrom(w);
                low.subtractFrom(rest, Workers.serial());
                double left = Norms.sumOfSquares(rest, Workers.serial()) / all;
                double bits = FACTOR_BITS * rank * ((double) w.rows() + w.columns()) / w.size();
                best = Math.min(best, Math.sqrt(left) * Math.pow(2, bits));
            }
        }
        return best;
    }

    private static Structured mostStructured(Checkpoint checkpoint) {
        Structured most = new Structured("", 1);
        for (String name : checkpoint.names()) {
            if (isLinear(checkpoint.info(name))) {
                try (FloatMatrix w = checkpoint.matrix(name)) {
                    double promise = promise(name, w);
                    if (promise < most.promise()) {
                        most = new Structured(name, promise);
                    }
                }
            }
        }
        return most;
    }

    @ParameterizedTest
    @MethodSource("models")
    void whereRankPromisesASeventhItIsChosenAndWinsAtEqualBytes(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            Structured most = mostStructured(checkpoint);
            Assumptions.assumeThat(most.promise())
                    .as("no matrix of %s has the structure", model.getFileName())
                    .isLessThan(6 / 7.0);
            try (FloatMatrix w = checkpoint.matrix(most.name())) {
                for (double bits : BUDGETS) {
                    QuantizedMatrix with = compress(most.name(), w, bits, RANK);
                    QuantizedMatrix without = compress(most.name(), w, bits, 0);
                    double gain = error(w, with) / error(w, without);
                    System.out.printf(
                            Locale.ROOT,
                            "%s %s at %.2f bits: %s %.4f, without rank %s %.4f%n",
                            model.getFileName(),
                            most.name(),
                            bits,
                            with.format(),
                            error(w, with),
                            without.format(),
                            error(w, without));
                    assertThat(with.format()).contains("+r");
                    assertThat(with.bitsPerWeight()).isLessThanOrEqualTo(bits);
                    assertThat(gain).as(most.toString()).isLessThan(1);
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("models")
    void byThePapersAccountEveryRankGains(Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            String name = mostStructured(checkpoint).name();
            Assumptions.assumeThat(name).isNotEmpty();
            BlockFormat base = BlockFormat.parse("nf3-g64-s8x256-bf16");
            try (FloatMatrix w = checkpoint.matrix(name)) {
                double before = LqDecomposer.decompose(
                                name, w, Importance.uniform(), settings(base, 0), 0, Workers.serial())
                        .bestError();
                double alone = before;
                for (int rank : new int[] {8, 16, 32, 64}) {
                    double error = LqDecomposer.decompose(
                                    name, w, Importance.uniform(), settings(base, rank), 0, Workers.serial())
                            .bestError();
                    System.out.printf(
                            Locale.ROOT,
                            "%s %s, %s, rank %d not counted: %.2f of the error of quantizing alone%n",
                            model.getFileName(),
                            name,
                            base.id(),
                            rank,
                            error / alone);
                    assertThat(error).isLessThan(before);
                    before = error;
                    if (rank >= Math.min(w.rows(), w.columns()) / 2) {
                        break;
                    }
                }
            }
        }
    }

    private static LqSettings settings(BlockFormat base, int rank) {
        return LqSettings.fast(base, rank, FactorFormat.NF8, 30);
    }

    private static QuantizedMatrix compress(String name, FloatMatrix w, double bits, int maxRank) {
        return LqLora.builder()
                .maxRank(maxRank)
                .bitsPerWeight(bits)
                .build()
                .compress(name, w, Importance.uniform(), Workers.serial());
    }

    /** Relative. */
    private static double error(FloatMatrix w, QuantizedMatrix q) {
        try (FloatMatrix decoded = FloatMatrix.allocate(w.rows(), w.columns())) {
            q.dequantize(0, decoded, Workers.serial());
            return Math.sqrt(
                    Norms.squaredDifference(w, decoded, Workers.serial()) / Norms.sumOfSquares(w, Workers.serial()));
        }
    }
}
