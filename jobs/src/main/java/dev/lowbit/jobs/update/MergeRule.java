package dev.lowbit.jobs.update;

import dev.lowbit.compeft.TernaryMerge;
import dev.lowbit.compeft.TernaryTensor;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;

/** How several updates become one. One update stays what it is by any of them. */
public enum MergeRule {
    /** Task arithmetic. */
    SUM {
        @Override
        void merge(List<TernaryTensor> tensors, int updates, MemorySegment target) {
            weighted(tensors, 1, target);
        }
    },
    /** The sum over the number of updates. */
    MEAN {
        @Override
        void merge(List<TernaryTensor> tensors, int updates, MemorySegment target) {
            weighted(tensors, 1.0 / updates, target);
        }
    },
    /** The mean of those that have the sign which the larger sum of magnitudes has. */
    TIES {
        @Override
        void merge(List<TernaryTensor> tensors, int updates, MemorySegment target) {
            TernaryMerge.ties(tensors, target);
        }
    };

    /**
     * Merges one tensor.
     *
     * @param tensors of the updates that have it, at least one, of one shape; an update without it has zeros there
     * @param updates how many updates there are
     * @param target floats, as many as the tensor has entries; modified (overwritten)
     */
    abstract void merge(List<TernaryTensor> tensors, int updates, MemorySegment target);

    private static void weighted(List<TernaryTensor> tensors, double weight, MemorySegment target) {
        double[] weights = new double[tensors.size()];
        Arrays.fill(weights, weight);
        TernaryMerge.sum(tensors, weights, target);
    }
}
