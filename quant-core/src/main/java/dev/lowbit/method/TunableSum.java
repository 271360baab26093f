package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.dense.FloatWeights;
import dev.lowbit.matrix.sum.SumMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Ŵ = Q + LᵀR. With z = R x (tokens x rank): dL = zᵀ dy, dz = dy Lᵀ, dR = dzᵀ x. Q is frozen, or tuned as its own kind is.
 */
final class TunableSum implements Tunable {
    private final QuantizedMatrix base;
    private final String leftFormat;
    private final String rightFormat;
    private final TrainablePart left;
    private final TrainablePart right;
    private final Optional<Tunable> tunedBase;

    /** @param sharing the sum whose base has the same parts in common */
    TunableSum(SumMatrix sum, Extent extent, Optional<Tunable> sharing, Workers workers) {
        base = sum.base();
        leftFormat = sum.left().format();
        rightFormat = sum.right().format();
        FloatMatrix leftValues = values(sum.left(), workers);
        FloatMatrix rightValues = values(sum.right(), workers);
        left = TrainablePart.sizedLike("left", leftValues, isZero(leftValues) ? rightValues : leftValues);
        right = TrainablePart.sizedLike("right", rightValues, isZero(rightValues) ? leftValues : rightValues);
        tunedBase = extent == Extent.LOW_RANK
                ? Optional.empty()
                : Tunable.of(base, extent, sharing.flatMap(other -> ((TunableSum) other).tunedBase), workers);
    }

    /** A fresh factor, which has no size yet. */
    private static boolean isZero(FloatMatrix factor) {
        return Norms.sumOfSquares(factor, Workers.serial()) == 0;
    }

    private static FloatMatrix values(QuantizedMatrix factor, Workers workers) {
        FloatMatrix values = FloatMatrix.allocate(factor.rows(), factor.columns());
        factor.dequantize(0, values, workers);
        return values;
    }

    @Override
    public List<TrainablePart> parts() {
        List<TrainablePart> parts = new ArrayList<>(List.of(left, right));
        tunedBase.ifPresent(tuned -> parts.addAll(tuned.parts()));
        return parts;
    }

    @Override
    public Optional<DiscretePart> discrete() {
        return tunedBase.flatMap(Tunable::discrete);
    }

    @Override
    public QuantizedMatrix matrix() {
        QuantizedMatrix live = tunedBase.map(Tunable::matrix).orElse(base);
        return SumMatrix.of(live, new FloatWeights(left.values()), new FloatWeights(right.values()));
    }

    @Override
    public void accumulate(FloatMatrix x, FloatMatrix dy, Workers workers) {
        int rank = left.values().rows();
        try (FloatMatrix z = FloatMatrix.allocate(x.rows(), rank);
                FloatMatrix dz = FloatMatrix.allocate(x.rows(), rank)) {
            Gemm.multiply(x, false, right.values(), true, z, Gemm.Mode.SET, workers);
            Gemm.multiply(dy, false, left.values(), true, dz, Gemm.Mode.SET, workers);
            Gemm.multiply(z, true, dy, false, left.gradient(), Gemm.Mode.ADD, workers);
            Gemm.multiply(dz, true, x, false, right.gradient(), Gemm.Mode.ADD, workers);
        }
        tunedBase.ifPresent(tuned -> tuned.accumulate(x, dy, workers));
    }

    @Override
    public QuantizedMatrix stored(Workers workers) {
        return SumMatrix.of(
                tunedBase.map(tuned -> tuned.stored(workers)).orElse(base),
                Encoding.encode(left, leftFormat, workers),
                Encoding.encode(right, rightFormat, workers));
    }

    @Override
    public void close() {
        tunedBase.ifPresent(Tunable::close);
        for (TrainablePart part : List.of(left, right)) {
            part.values().close();
            part.gradient().close();
        }
    }
}
