package dev.lowbit.transformer;

import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.ValueLayout;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

/**
 * Adam with decoupled weight decay (AdamW; plain Adam at decay 0). With g the gradient at step t:
 * m = β1 m + (1-β1) g, v = β2 v + (1-β2) g², θ = θ - lr (decay θ + m / (1-β1^t) / (√(v / (1-β2^t)) + ε)). Moments are floats,
 * the arithmetic is double.
 */
public final class Adam implements AutoCloseable {
    /**
     * Constants of an optimizer.
     *
     * @param beta1 decay of the mean
     * @param beta2 decay of the mean square
     * @param epsilon added to the root
     * @param weightDecay decoupled decay per unit of learning rate
     */
    public record Settings(double beta1, double beta2, double epsilon, double weightDecay) {
        /** β 0.9 and 0.999, ε 1e-8, no decay. */
        public static Settings standard() {
            return new Settings(0.9, 0.999, 1e-8, 0);
        }
    }

    private final Settings settings;
    private final Map<String, Moments> moments = new HashMap<>();

    /**
     * What the optimizer remembers of one parameter.
     *
     * @param mean m, in the parameter's shape; live
     * @param square v, in the parameter's shape, or 1 x (rows + columns) with natural steps; live
     * @param steps t, the steps taken
     */
    public record Moments(FloatMatrix mean, FloatMatrix square, int steps) {
        /** Those of a parameter that has taken no step, in memory of their own. */
        static Moments zero(int rows, int columns) {
            return new Moments(FloatMatrix.allocate(rows, columns), FloatMatrix.allocate(rows, columns), 0);
        }

        /** The same for natural steps. */
        static Moments zeroFactored(int rows, int columns) {
            return new Moments(
                    FloatMatrix.allocate(rows, columns), FloatMatrix.allocate(1, Math.addExact(rows, columns)), 0);
        }
    }

    public Adam(Settings settings) {
        this.settings = settings;
    }

    /**
     * One step of one parameter.
     *
     * @param name the parameter, which keeps its moments between steps
     * @param values modified
     * @param gradient same shape; not modified
     */
    public void step(String name, FloatMatrix values, FloatMatrix gradient, double learningRate) {
        moments.computeIfAbsent(name, n -> Moments.zero(values.rows(), values.columns()));
        Moments state = count(name);
        double meanScale = 1 / (1 - StrictMath.pow(settings.beta1, state.steps));
        double squareScale = 1 / (1 - StrictMath.pow(settings.beta2, state.steps));
        for (long i = 0; i < values.size(); i++) {
            double g = get(gradient, i);
            double mean = settings.beta1 * get(state.mean, i) + (1 - settings.beta1) * g;
            double square = settings.beta2 * get(state.square, i) + (1 - settings.beta2) * g * g;
            double value = get(values, i);
            double direction = mean * meanScale / (Math.sqrt(square * squareScale) + settings.epsilon);
            set(state.mean, i, mean);
            set(state.square, i, square);
            set(values, i, value - learningRate * (settings.weightDecay * value + direction));
        }
    }

    /**
     * One step of one parameter by {@link NaturalStep} instead, all its steps or none.
     *
     * @param name the parameter, which keeps its moments between steps
     * @param values modified
     * @param gradient same shape; not modified
     */
    public void naturalStep(String name, FloatMatrix values, FloatMatrix gradient, double learningRate) {
        moments.computeIfAbsent(name, n -> Moments.zeroFactored(values.rows(), values.columns()));
        NaturalStep.apply(settings, count(name), values, gradient, learningRate);
    }

    private Moments count(String name) {
        return moments.computeIfPresent(name, (n, state) -> new Moments(state.mean, state.square, state.steps + 1));
    }

    /** The memory of every parameter that has taken a step, by name. */
    public Map<String, Moments> moments() {
        return Collections.unmodifiableMap(moments);
    }

    /** Makes {@code state}, which this object closes from now on, the memory of a parameter that has none. */
    void restore(String name, Moments state) {
        if (moments.putIfAbsent(name, state) != null) {
            throw new IllegalStateException(name + " has taken steps already");
        }
    }

    private static double get(FloatMatrix m, long i) {
        return m.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i);
    }

    private static void set(FloatMatrix m, long i, double value) {
        m.segment().setAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, i, (float) value);
    }

    /** Forgets every step: for parameters that were set to other values. */
    public void forget() {
        moments.values().forEach(state -> {
            state.mean.close();
            state.square.close();
        });
        moments.clear();
    }

    @Override
    public void close() {
        forget();
    }
}
