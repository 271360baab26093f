package dev.lowbit.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/**
 * The only class that decides the SIMD width. {@code -Dlowbit.vector.bits=128|256|512} forces one (for tests and
 * experiments); otherwise the machine's preferred width is used. Kernels copy the species into static final fields of
 * their own, because a species that is not a constant makes them slower than scalar code.
 */
public final class VectorWidth {
    /** The system property that forces a width in bits, or 0 for the scalar reference. */
    public static final String PROPERTY = "lowbit.vector.bits";

    private static final String MODULE = "jdk.incubator.vector";

    private static final int BITS = decide();

    private VectorWidth() {}

    private static int decide() {
        if (ModuleLayer.boot().findModule(MODULE).isEmpty()) {
            // an error, because an exception would leave the initialiser without its message
            throw new LinkageError("the module " + MODULE + " is not there; start java with --add-modules " + MODULE);
        }
        int preferred = Math.min(512, FloatVector.SPECIES_PREFERRED.vectorBitSize());
        Integer forced = Integer.getInteger(PROPERTY);
        if (forced == null) {
            return preferred;
        }
        return switch (forced) {
            case 0, 128, 256, 512 -> forced;
            default ->
                throw new IllegalArgumentException(
                        "-D" + PROPERTY + "=" + forced + " is not a width; use 0 (scalar), 128, 256 or 512");
        };
    }

    /** Bits of the vectors in use: 128, 256 or 512; 0 when the scalar reference is forced. */
    public static int bits() {
        return BITS;
    }

    /** The float species of that width (128 bits when scalar is forced, so that constants can still be initialised). */
    public static VectorSpecies<Float> floats() {
        return switch (BITS) {
            case 512 -> FloatVector.SPECIES_512;
            case 256 -> FloatVector.SPECIES_256;
            default -> FloatVector.SPECIES_128;
        };
    }
}
