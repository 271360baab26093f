package dev.lowbit;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.TensorInfo;
import java.util.Comparator;
import java.util.List;

/** Matrices of a shared model that a test has time for. */
public final class SharedMatrices {
    private static final long SMALLEST = 1024;

    private SharedMatrices() {}

    /** Names of matrices of at least 1024 and at most so many weights, else of the smallest above; a model without any skips the test. */
    public static List<String> upTo(long largest, Checkpoint model) {
        List<String> all = model.names().stream()
                .filter(name -> isLinear(model.info(name)))
                .sorted(Comparator.comparingLong(name -> model.info(name).elements()))
                .toList();
        assumeTrue(!all.isEmpty(), "skipped: the model has no matrix");
        List<String> quick = model.names().stream()
                .filter(name -> all.contains(name) && model.info(name).elements() <= largest)
                .toList();
        return quick.isEmpty() ? all.subList(0, 1) : quick;
    }

    private static boolean isLinear(TensorInfo info) {
        return info.isMatrix() && info.type().isWeight() && info.elements() >= SMALLEST;
    }
}
