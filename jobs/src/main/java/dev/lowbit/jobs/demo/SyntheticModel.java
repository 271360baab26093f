package dev.lowbit.jobs.demo;

import dev.lowbit.tensor.DType;
import dev.lowbit.transformer.ModelShape;

/**
 * Sizes of a made-up model with the tensor names and shapes of Llama.
 *
 * @param layers decoder layers
 * @param hidden width of the residual stream
 * @param intermediate width of the gated MLP
 * @param heads attention heads; divides {@code hidden}
 * @param keyValueHeads key and value heads; divides {@code heads}
 * @param vocabulary rows of embedding and output head
 * @param type element type of every tensor: F32, F16 or BF16
 * @param shardBytes data bytes after which a new weight file begins; a model below it has one file and no index
 */
public record SyntheticModel(
        int layers,
        int hidden,
        int intermediate,
        int heads,
        int keyValueHeads,
        int vocabulary,
        DType type,
        long shardBytes) {
    private static final long GIB = 1L << 30;
    private static final int CONTEXT = 512;

    public SyntheticModel {
        if (layers < 1 || hidden < 1 || intermediate < 1 || vocabulary < 1 || shardBytes < 1) {
            throw new IllegalArgumentException("a model needs positive sizes");
        }
        if (type != DType.F32 && type != DType.F16 && type != DType.BF16) {
            throw new IllegalArgumentException("weights are written as F32, F16 or BF16, not as " + type);
        }
        if (heads < 1 || hidden % heads != 0 || keyValueHeads < 1 || heads % keyValueHeads != 0) {
            throw new IllegalArgumentException(heads + " heads with " + keyValueHeads
                    + " key/value heads do not divide a hidden size of " + hidden);
        }
    }

    /** The model of {@code lowbit demo}: a million weights, compressed in seconds. */
    public static SyntheticModel small() {
        return new SyntheticModel(3, 160, 448, 4, 2, 512, DType.BF16, GIB);
    }

    /** As many layers as fit {@code bytes}, with matrices of at most 4096 x 4096: what a memory cap is proven on. */
    public static SyntheticModel large(long bytes) {
        SyntheticModel one = new SyntheticModel(1, 4096, 4096, 32, 8, 1024, DType.BF16, GIB);
        long ends = 2L * one.vocabulary * one.hidden * one.type.bytes();
        long layers = Math.max(1, (bytes - ends) / one.layerBytes());
        return new SyntheticModel(Math.toIntExact(layers), 4096, 4096, 32, 8, 1024, DType.BF16, GIB);
    }

    ModelShape shape() {
        return new ModelShape(hidden, layers, heads, keyValueHeads, hidden / heads, intermediate, vocabulary, CONTEXT);
    }

    private long layerBytes() {
        return type.bytes()
                * (2L * hidden * hidden + 2L * shape().keyValueWidth() * hidden + 3L * intermediate * hidden);
    }
}
