package dev.lowbit.pvtuning;

/**
 * How one array follows its gradients in PV-Tuning (arXiv 2405.14852, as its authors' code has it): at step t with gradient g
 *
 * <pre>
 *   m = β1 m + (1-β1) g    v = β2 v + (1-β2) g²    u = m / (√v + ε)
 *   θ = θ (1 - rate decay) - rate f ρ u
 * </pre>
 *
 * with ε = 1e-6, f = √(1-β2^t) / (1-β1^t) if debiased, else 1, and ρ = ||θ|| / ||u|| for LAMB (1 if either is 0), else 1. The moments in u
 * are not debiased themselves, so that ε weighs more in early steps than in the textbook's Adam. AMSGrad uses the largest v so far in
 * place of v.
 *
 * @param beta1 β1, from 0 to below 1
 * @param beta2 β2, from 0 to below 1
 * @param largestSquare AMSGrad
 * @param relative LAMB: the rate is a step relative to the size of the array
 * @param debiased whether f is used
 * @param weightDecay decoupled decay per unit of rate; 0 for LAMB
 */
record StepRule(
        double beta1, double beta2, boolean largestSquare, boolean relative, boolean debiased, double weightDecay) {
    StepRule {
        if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
            throw new IllegalArgumentException("β1 and β2 are from 0 to below 1, got " + beta1 + " and " + beta2);
        }
        if (!(weightDecay >= 0) || relative && weightDecay != 0) {
            throw new IllegalArgumentException("weight decay is at least 0, and 0 for LAMB, got " + weightDecay);
        }
    }

    /** Adam, debiased. */
    static StepRule adam(double beta1, double beta2) {
        return new StepRule(beta1, beta2, false, false, true, 0);
    }

    /** AMSGrad, debiased. */
    static StepRule amsgrad(double beta1, double beta2) {
        return new StepRule(beta1, beta2, true, false, true, 0);
    }

    /** LAMB, not debiased. */
    static StepRule lamb(double beta1, double beta2) {
        return new StepRule(beta1, beta2, false, true, false, 0);
    }

    /** The same with f. */
    StepRule withDebiasing() {
        return new StepRule(beta1, beta2, largestSquare, relative, true, weightDecay);
    }

    /** The same with decay. */
    StepRule withWeightDecay(double decay) {
        return new StepRule(beta1, beta2, largestSquare, relative, debiased, decay);
    }
}
