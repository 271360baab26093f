package dev.lowbit.kernel;

import java.util.function.Supplier;

/**
 * Chooses between the scalar and the SIMD form of a family of verbs, once and visibly. Each family (dense floats, block
 * quantization, ...) asks here, so that one property decides for all of them.
 */
public final class KernelLookup {
    private static final System.Logger LOG = System.getLogger("dev.lowbit.kernel");

    static {
        LOG.log(System.Logger.Level.DEBUG, () -> "kernels: " + description());
    }

    private KernelLookup() {}

    /**
     * The scalar form when {@code -Dlowbit.vector.bits=0}, else the SIMD form.
     *
     * @param vector a lambda: a reference to a constructor would load the class before this can say that its module is missing
     * @throws LinkageError when the JVM was started without the module of the Vector API
     */
    public static <K> K choose(Supplier<? extends K> scalar, Supplier<? extends K> vector) {
        return VectorWidth.bits() == 0 ? scalar.get() : vector.get();
    }

    /** What {@code doctor} prints, for example {@code Vector API, 512 bit}. */
    public static String description() {
        return VectorWidth.bits() == 0 ? "scalar reference" : "Vector API, " + VectorWidth.bits() + " bit";
    }
}
