package dev.lowbit.tensor;

import java.util.Optional;

/** Element types of the safetensors format, with their exact width. */
public enum DType {
    F64("F64", 64),
    F32("F32", 32),
    F16("F16", 16),
    BF16("BF16", 16),
    F8_E4M3("F8_E4M3", 8),
    F8_E5M2("F8_E5M2", 8),
    F8_E8M0("F8_E8M0", 8),
    F6_E2M3("F6_E2M3", 6),
    F6_E3M2("F6_E3M2", 6),
    F4("F4", 4),
    C64("C64", 64),
    I64("I64", 64),
    I32("I32", 32),
    I16("I16", 16),
    I8("I8", 8),
    U64("U64", 64),
    U32("U32", 32),
    U16("U16", 16),
    U8("U8", 8),
    BOOL("BOOL", 8);

    private final String safetensorsName;
    private final int bits;

    DType(String safetensorsName, int bits) {
        this.safetensorsName = safetensorsName;
        this.bits = bits;
    }

    /** The name used in a safetensors header, case-sensitive. */
    public String safetensorsName() {
        return safetensorsName;
    }

    /** Bits of one element. */
    public int bits() {
        return bits;
    }

    /** Bytes of one element; only for types of whole bytes. */
    public int bytes() {
        if (bits % 8 != 0) {
            throw new IllegalStateException(safetensorsName + " has no whole number of bytes per element");
        }
        return bits / 8;
    }

    /** Whether values of this type can be read as weights (widened exactly, F64 rounded once, to float). */
    public boolean isWeight() {
        return switch (this) {
            case F64, F32, F16, BF16, F8_E4M3, F8_E5M2 -> true;
            default -> false;
        };
    }

    /** Looks a type up by its safetensors name; empty when unknown. */
    public static Optional<DType> ofSafetensors(String name) {
        for (DType type : values()) {
            if (type.safetensorsName.equals(name)) {
                return Optional.of(type);
            }
        }
        return Optional.empty();
    }
}
