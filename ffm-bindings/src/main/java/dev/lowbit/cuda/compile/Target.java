package dev.lowbit.cuda.compile;

import java.util.List;

/**
 * What kernels are compiled for.
 *
 * @param capability compute capability: 90 for 9.0
 * @param binary code of that device (a cubin), or PTX that the driver of a newer one compiles
 */
public record Target(int capability, boolean binary) {
    /** Code for devices of one compute capability. */
    public static Target cubin(int capability) {
        return new Target(capability, true);
    }

    /** PTX for all devices from this compute capability on. */
    public static Target ptx(int capability) {
        return new Target(capability, false);
    }

    /**
     * Options of the compiler. Products are fused with sums only where the source says so: the same operations, in the same order, as on the CPU.
     */
    List<String> options() {
        return List.of("--gpu-architecture=" + this, "--std=c++17", "--fmad=false");
    }

    /** As compilers call it. */
    @Override
    public String toString() {
        return (binary ? "sm_" : "compute_") + capability;
    }
}
