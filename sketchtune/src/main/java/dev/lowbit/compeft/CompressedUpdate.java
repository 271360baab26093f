package dev.lowbit.compeft;

import dev.lowbit.error.InvalidRequestException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** An update as signs and scales. Immutable; usable from several threads. */
public final class CompressedUpdate {
    private final ComPeftSettings settings;
    private final List<CompressedVector> vectors;
    private final List<TernaryTensor> tensors;
    private final Map<String, TernaryTensor> byName = new LinkedHashMap<>();

    /**
     * @param vectors one, or one for each tensor
     * @param tensors in the order of their names, which are unique
     */
    CompressedUpdate(ComPeftSettings settings, List<CompressedVector> vectors, List<TernaryTensor> tensors) {
        this.settings = settings;
        this.vectors = List.copyOf(vectors);
        this.tensors = List.copyOf(tensors);
        tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    }

    /** How it was made. */
    public ComPeftSettings settings() {
        return settings;
    }

    /** What shares a scale: a single vector, or one for each tensor in the order of {@link #tensors}. */
    public List<CompressedVector> vectors() {
        return vectors;
    }

    /** All tensors in code point order of their names. */
    public List<TernaryTensor> tensors() {
        return tensors;
    }

    /**
     * The tensor of that name.
     *
     * @throws InvalidRequestException (usage) when there is none
     */
    public TernaryTensor tensor(String name) {
        TernaryTensor tensor = byName.get(name);
        if (tensor == null) {
            throw InvalidRequestException.usage(
                    "no tensor " + name + " in this update of " + tensors.size() + " tensors");
        }
        return tensor;
    }

    /** d, over all tensors. */
    public long entries() {
        return vectors.stream().mapToLong(vector -> vector.signs().length()).sum();
    }

    /** n, over all tensors. */
    public long nonZeros() {
        return vectors.stream().mapToLong(vector -> vector.signs().nonZeros()).sum();
    }

    /** Bytes of {@link UpdateFile#write}, exactly. */
    public long fileBytes() {
        return UpdateHeader.of(this).fileBytes();
    }

    /** Bytes of the signs alone. */
    public long payloadBytes() {
        return vectors.stream().mapToLong(CompressedVector::payloadBytes).sum();
    }

    /** What random signs at random positions and a 16-bit scale need at least, the paper's measure, in bits: summed over what shares a scale. */
    public double entropyBits() {
        return vectors.stream()
                .mapToDouble(vector -> EntropyBound.bits(
                        vector.signs().length(), vector.signs().nonZeros()))
                .sum();
    }

    /** ||τ||². */
    public double energy() {
        return tensors.stream().mapToDouble(TernaryTensor::energy).sum();
    }

    /** ||τ - τ̂||², measured with the scales as they are stored. */
    public double squaredError() {
        return tensors.stream().mapToDouble(TernaryTensor::squaredError).sum();
    }

    /** ||τ - τ̂|| / ||τ||; 0 when τ is zero. */
    public double relativeError() {
        return energy() == 0 ? 0 : Math.sqrt(squaredError() / energy());
    }

    /**
     * The inner product of two updates, from counts of bits.
     *
     * @throws InvalidRequestException (usage) when they do not have the same tensors
     */
    public double dot(CompressedUpdate other) {
        if (!byName.keySet().equals(other.byName.keySet())) {
            throw InvalidRequestException.usage("updates of " + tensors.size() + " and " + other.tensors.size()
                    + " tensors do not have the same names; compare updates of one model");
        }
        return tensors.stream()
                .mapToDouble(tensor -> tensor.dot(other.tensor(tensor.name())))
                .sum();
    }
}
