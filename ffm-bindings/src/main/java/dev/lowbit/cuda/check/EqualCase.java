package dev.lowbit.cuda.check;

import dev.lowbit.cuda.CudaDevice;
import java.util.function.Predicate;

/**
 * A comparison that allows no difference.
 *
 * @param equal runs both sides
 */
record EqualCase(String name, Predicate<CudaDevice> equal) implements ParityCase {
    @Override
    public String toString() {
        return name;
    }

    @Override
    public double run(CudaDevice device) {
        return equal.test(device) ? 0 : Double.POSITIVE_INFINITY;
    }
}
