package dev.lowbit.bench;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.demo.SyntheticCheckpoint;
import dev.lowbit.jobs.demo.SyntheticModel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Gemm;
import dev.lowbit.linalg.Norms;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import dev.lowbit.transformer.CrossEntropy;
import dev.lowbit.transformer.DenseGradients;
import dev.lowbit.transformer.TokenBatch;
import dev.lowbit.transformer.Transformer;
import dev.lowbit.transformer.Transformers;
import dev.lowbit.transformer.Workspace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * A Llama of two layers, hidden size 512, on one thread: the loss of a batch, and the loss with the gradients of every parameter.
 * Operations are those of the products, two for each multiply-add, causal attention counted by half; a backward pass counts twice
 * its forward pass, and what it computes again is not counted.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 2)
@Fork(2)
public class TransformerBenchmark {
    private static final int HIDDEN = 512;
    private static final int FEED_FORWARD = 1408;
    private static final int LAYERS = 2;
    private static final int HEADS = 8;
    private static final int VOCABULARY = 4096;
    private static final int SEQUENCES = 4;
    private static final int LENGTH = 256;
    /** Tokens of a call. */
    static final int TOKENS = SEQUENCES * LENGTH;
    /** Operations of a forward pass of {@link #TOKENS}. */
    static final double FORWARD_OPERATIONS = 2.0
            * TOKENS
            * (LAYERS * (4.0 * HIDDEN * HIDDEN + 3.0 * HIDDEN * FEED_FORWARD + HIDDEN * LENGTH)
                    + (double) HIDDEN * VOCABULARY);

    /** Operations of {@link #product}. */
    static final double PRODUCT_OPERATIONS = 2.0 * TOKENS * HIDDEN * FEED_FORWARD;

    private static final String CHECKED = "model.layers.0.mlp.down_proj.weight";
    private static final float STEP = 1e-3f;

    private Path folder;
    private Transformer model;
    private Workspace space;
    private DenseGradients gradients;
    private TokenBatch batch;
    private CrossEntropy loss;
    private FloatMatrix x;
    private FloatMatrix w;
    private FloatMatrix y;

    /** Makes the model, and checks a gradient against the loss along it, and the product against sums in double. */
    @Setup
    public void setUp() throws IOException {
        folder = Files.createTempDirectory("lowbit-bench");
        SyntheticModel shape =
                new SyntheticModel(LAYERS, HIDDEN, FEED_FORWARD, HEADS, HEADS, VOCABULARY, DType.F32, Long.MAX_VALUE);
        SyntheticCheckpoint.write(folder.resolve("model"), shape, 0, Workers.serial());
        try (Checkpoint checkpoint = Checkpoint.open(folder.resolve("model"))) {
            model = Transformers.load(checkpoint);
        }
        space = new Workspace();
        gradients = new DenseGradients(model.shape(), name -> true);
        int[][] tokens = new int[SEQUENCES][LENGTH];
        for (int s = 0; s < SEQUENCES; s++) {
            for (int t = 0; t < LENGTH; t++) {
                tokens[s][t] = (s * 7919 + t * t * 31) % VOCABULARY;
            }
        }
        batch = TokenBatch.of(tokens);
        loss = CrossEntropy.nextToken(batch);
        checkGradient();
        x = Inputs.gaussian("inputs", TOKENS, HIDDEN);
        w = Inputs.gaussian("weights", FEED_FORWARD, HIDDEN);
        y = FloatMatrix.allocate(TOKENS, FEED_FORWARD);
        product();
        for (int token = 0; token < TOKENS; token += 97) {
            Checks.vectorProduct(w, x.rows(token, 1), y.rows(token, 1));
        }
    }

    /** (L(W + εG) - L(W - εG)) / 2ε = ||G||², with ε so small that third derivatives do not show and so large that rounding does not. */
    private void checkGradient() {
        train();
        FloatMatrix gradient = gradients.gradients().get(CHECKED);
        FloatMatrix weight = model.floatParameters().get(CHECKED);
        double squares = Norms.sumOfSquares(gradient, Workers.serial());
        float epsilon = (float) (STEP / Math.sqrt(squares));
        move(weight, gradient, epsilon);
        double above = forward();
        move(weight, gradient, -2 * epsilon);
        double below = forward();
        move(weight, gradient, epsilon);
        Checks.close(
                (above - below) / (2 * epsilon), squares, 0.02 * squares, "the change of the loss along its gradient");
    }

    private static void move(FloatMatrix weight, FloatMatrix gradient, float factor) {
        for (int i = 0; i < weight.rows(); i++) {
            for (int j = 0; j < weight.columns(); j++) {
                weight.set(i, j, Math.fma(factor, gradient.get(i, j), weight.get(i, j)));
            }
        }
    }

    /** Frees the memory and removes the model. */
    @TearDown
    public void tearDown() throws IOException {
        x.close();
        w.close();
        y.close();
        gradients.close();
        space.close();
        model.close();
        try (Stream<Path> files = Files.walk(folder)) {
            List<Path> deepestFirst = files.sorted(Comparator.reverseOrder()).toList();
            for (Path file : deepestFirst) {
                Files.delete(file);
            }
        }
    }

    /** Y = X Wᵀ of the batch with a feed-forward matrix: the float product that both are held against. */
    @Benchmark
    public void product() {
        Gemm.multiply(x, false, w, true, y, Gemm.Mode.SET, Workers.serial());
    }

    /** The loss of a batch. */
    @Benchmark
    public double forward() {
        return model.loss(batch, loss, space, Workers.serial());
    }

    /** The loss of a batch and its gradients. */
    @Benchmark
    public double train() {
        gradients.clear();
        return model.backward(batch, loss, gradients, space, Workers.serial());
    }
}
