package dev.lowbit.method;

import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.RandomStream;
import dev.lowbit.method.Tunable.DiscretePart;

/**
 * The discrete half of tuning (the V step of PV-Tuning, arXiv 2405.14852): once the optimizer has moved the values of a matrix and the target of its
 * codes, codes follow the target.
 */
@FunctionalInterface
public interface DiscreteStep {
    /**
     * One step of one matrix.
     *
     * @param part its codes and its target; both may be modified
     * @param random of this step and this matrix alone; used where codes are rounded by chance
     * @return tiles that have other codes than before
     */
    int apply(DiscretePart part, RandomStream random, Workers workers);
}
