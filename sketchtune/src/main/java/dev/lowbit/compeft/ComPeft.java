package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import java.util.ArrayList;
import java.util.List;

/** Compresses updates of fine-tuning to signs and a scale (ComPEFT, arXiv 2311.13171). */
public final class ComPeft {
    private ComPeft() {}

    /**
     * Compresses an update. Time grows with the number of entries, no sorting; memory is that of the result and a megabyte for each thread.
     *
     * @param update the tensors of τ in any order, at least one entry together; not modified
     * @param workers who may run the passes; the result is the same for all
     * @throws InvalidRequestException (usage) for names that stand twice, for values that are not finite, and for scales that 32 bits do not hold
     */
    public static CompressedUpdate compress(List<UpdateTensor> update, ComPeftSettings settings, Workers workers) {
        List<UpdateTensor> sorted = UpdateTensor.inOrder(update);
        if (sorted.stream().allMatch(tensor -> tensor.elements() == 0)) {
            throw InvalidRequestException.usage(
                    "the update has " + sorted.size() + " tensors and no entries; give at least one value");
        }
        List<FlatUpdate> parts = switch (settings.granularity()) {
            case GLOBAL -> List.of(new FlatUpdate(sorted));
            case PER_TENSOR ->
                sorted.stream().map(tensor -> new FlatUpdate(List.of(tensor))).toList();
        };
        List<CompressedVector> vectors = new ArrayList<>();
        List<TernaryTensor> tensors = new ArrayList<>();
        for (FlatUpdate part : parts) {
            CompressedVector vector = vector(part, settings, workers);
            vectors.add(vector);
            for (int i = 0; i < part.tensors().size(); i++) {
                tensors.add(tensor(part.tensors().get(i), vector, part.start(i), workers));
            }
        }
        return new CompressedUpdate(settings, vectors, tensors);
    }

    private static CompressedVector vector(FlatUpdate part, ComPeftSettings settings, Workers workers) {
        Moments moments = Moments.of(part, workers);
        Selection selection = Selection.of(part, settings, workers);
        TernaryVector signs = selection.signs();
        double scale = switch (settings.scaleRule()) {
            case ALPHA_SIGMA -> settings.alpha() * moments.deviation();
            case MEAN_MAGNITUDE -> signs.nonZeros() == 0 ? 0 : selection.magnitude() / signs.nonZeros();
        };
        requireFloat(scale, moments.deviation(), part);
        int parameter = settings.code() == TernaryCode.RICE ? RiceCoder.bestParameter(signs) : 0;
        return new CompressedVector(
                signs, moments.deviation(), (float) scale, parameter, Payload.bytes(signs, settings.code(), parameter));
    }

    private static void requireFloat(double scale, double deviation, FlatUpdate part) {
        if (!Double.isFinite(deviation) || !Float.isFinite((float) scale) || (float) scale == 0 && scale != 0) {
            throw InvalidRequestException.usage(
                    "the scale of " + part.tensors().size() + " tensors from "
                            + part.tensors().getFirst().name() + " on is " + scale + " (sigma " + deviation
                            + "), which 32 bits do not hold; bring the update to an ordinary magnitude or choose another alpha");
        }
    }

    private static TernaryTensor tensor(UpdateTensor source, CompressedVector vector, long offset, Workers workers) {
        FlatUpdate values = new FlatUpdate(List.of(source));
        double energy = squaredDistance(values, vector.signs(), offset, 0, workers);
        if (!Double.isFinite(energy)) {
            throw InvalidRequestException.usage("tensor " + source.name()
                    + " has values whose squares are beyond 64 bits; bring the update to an ordinary magnitude");
        }
        double error = squaredDistance(values, vector.signs(), offset, vector.scale(), workers);
        return new TernaryTensor(
                source.name(), source.type(), source.shape(), vector.signs(), offset, vector.scale(), energy, error);
    }

    /** ||τ - s γ||² for the signs from {@code offset} on. */
    private static double squaredDistance(
            FlatUpdate values, TernaryVector signs, long offset, float scale, Workers workers) {
        return values.sum(workers, (block, count, at) -> {
            double sum = 0;
            for (int i = 0; i < count; i++) {
                double difference = block[i] - signs.sign(offset + at + i) * scale;
                sum = Math.fma(difference, difference, sum);
            }
            return sum;
        });
    }
}
