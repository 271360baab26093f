package dev.lowbit.pvtuning;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;

/**
 * The practical step of PV-Tuning (arXiv 2405.14852) for one matrix, with what it remembers between steps. The gradient G = ∂φ/∂Ŵ
 * comes from outside, so that φ may be the loss of a layer or of a whole model.
 *
 * <pre>
 *   C, s follow their gradients by the chain rule from G         rates of {@link PvSettings}
 *   T follows G, from where it was                               decay 1: from Ŵ
 *   b = codes near T, with the new C and s                       {@link CodeReselection}
 *   T = decay Ŵ + (1 - decay) T, with the new Ŵ
 * </pre>
 *
 * <p>Nothing here keeps φ from rising; {@link GuardedPv} does.
 */
final class PvStep {
    private final AdditiveWeights weights;
    private final PvSettings settings;
    private final RandomStream random;
    private final Workers workers;
    private final StepMemory codewordMemory;
    private final StepMemory scaleMemory;
    private final StepMemory targetMemory;
    private double[] target;

    /**
     * A matrix that has taken no step.
     *
     * @param weights modified by every step, and live: between steps others may change them
     * @param random orders of the codebooks and stochastic rounding; not used where the order is given and nothing is rounded so
     */
    PvStep(AdditiveWeights weights, PvSettings settings, RandomStream random, Workers workers) {
        this.weights = weights;
        this.settings = settings;
        this.random = random;
        this.workers = workers;
        codewordMemory = new StepMemory(settings.parameterRule(), weights.codewords().length);
        scaleMemory = new StepMemory(settings.parameterRule(), weights.scales().length);
        targetMemory = new StepMemory(settings.codeRule(), weights.tiling().size());
        target = weights.decode();
    }

    /** T, O x I row-major, after the last step; live. */
    double[] target() {
        return target;
    }

    /**
     * One step with the codebooks visited in a random order.
     *
     * @param gradient G at the present Ŵ, O x I row-major, finite; not modified
     * @return how many tiles have other codes than before
     */
    int step(double[] gradient) {
        return step(gradient, Draws.permutation(weights.codebooks(), random));
    }

    /**
     * One step.
     *
     * @param gradient G at the present Ŵ, O x I row-major, finite; not modified
     * @param order the codebooks in the order of the search, each once; not modified
     * @return how many tiles have other codes than before
     */
    int step(double[] gradient, int[] order) {
        Tiles.requireFinite(weights.tiling(), gradient, "the gradient");
        if (settings.decay() == 1) {
            target = weights.decode();
        }
        if (settings.parameterRate() > 0) {
            ChainRule parameters = ChainRule.of(weights, gradient, workers);
            codewordMemory.step(weights.codewords(), parameters.codewords(), settings.parameterRate());
            scaleMemory.step(weights.scales(), parameters.scales(), settings.parameterRate());
        }
        if (settings.codeRate() == 0) {
            return 0;
        }
        targetMemory.step(target, gradient, settings.codeRate());
        int changed = CodeReselection.run(weights, target, settings.reselection(), order, random, workers);
        forget();
        return changed;
    }

    private void forget() {
        if (settings.decay() > 0) {
            double[] decoded = weights.decode();
            for (int i = 0; i < target.length; i++) {
                target[i] = settings.decay() * decoded[i] + (1 - settings.decay()) * target[i];
            }
        }
    }
}
