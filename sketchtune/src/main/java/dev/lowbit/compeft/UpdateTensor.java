package dev.lowbit.compeft;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;

/**
 * One tensor of an update τ, as it is stored: for LoRA a factor itself, for (IA)³ the vector minus 1, for full fine-tuning the difference of
 * two checkpoints.
 *
 * @param name unique in the update, 1 to 512 bytes of UTF-8, no NUL
 * @param type F32, F16, BF16 or F64
 * @param shape up to 8 dimensions, row-major; empty for a single value
 * @param data the values, little-endian, exactly as many bytes as type and shape need; not copied, not modified, possibly unaligned or mapped
 */
public record UpdateTensor(String name, DType type, List<Long> shape, MemorySegment data) {
    /** @throws InvalidRequestException (usage) when a part is not as above */
    public UpdateTensor {
        shape = List.copyOf(shape);
        requireName(name);
        if (!Elements.isSupported(type)) {
            throw InvalidRequestException.usage("tensor " + name + " is " + type
                    + "; updates are F32, F16, BF16 or F64: convert it, or leave it out");
        }
        requireSize(name, type, shape, data.byteSize());
    }

    private static void requireName(String name) {
        int most = Limits.defaults().maxNameBytes();
        if (name.isEmpty()
                || name.indexOf('\0') >= 0
                || !StandardCharsets.UTF_8.newEncoder().canEncode(name)
                || utf8(name).length > most) {
            throw InvalidRequestException.usage("tensor names have 1 to " + most
                    + " bytes of UTF-8 and no NUL; rename the one that begins with \""
                    + name.substring(0, Math.min(name.length(), 40)).replaceAll("\\p{Cntrl}", "?") + "\"");
        }
    }

    private static void requireSize(String name, DType type, List<Long> shape, long bytes) {
        int most = Limits.defaults().maxDimensions();
        long needed;
        try {
            needed = Shape.bytes(type, shape);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw InvalidRequestException.usage("tensor " + name + " has the impossible shape " + shape);
        }
        if (shape.size() > most) {
            throw InvalidRequestException.usage("tensor " + name + " has " + shape.size() + " dimensions, at most "
                    + most + " are supported: reshape it");
        }
        if (needed != bytes) {
            throw InvalidRequestException.usage("tensor " + name + " is " + type + " " + shape + ", which is " + needed
                    + " bytes; " + bytes + " were given");
        }
    }

    /** Number of values. */
    public long elements() {
        return data.byteSize() / type.bytes();
    }

    /** Names by code point, which is the order of their UTF-8 and not that of UTF-16. */
    static Comparator<String> nameOrder() {
        return (a, b) -> Arrays.compareUnsigned(utf8(a), utf8(b));
    }

    /**
     * Tensors in the order of an update.
     *
     * @throws InvalidRequestException (usage) when two have the same name
     */
    static List<UpdateTensor> inOrder(List<UpdateTensor> tensors) {
        List<UpdateTensor> sorted = tensors.stream()
                .sorted(Comparator.comparing(UpdateTensor::name, nameOrder()))
                .toList();
        for (int i = 1; i < sorted.size(); i++) {
            if (sorted.get(i).name().equals(sorted.get(i - 1).name())) {
                throw InvalidRequestException.usage("two tensors of the update are named "
                        + sorted.get(i).name() + "; every name stands once: rename or drop one");
            }
        }
        return sorted;
    }

    private static byte[] utf8(String name) {
        return name.getBytes(StandardCharsets.UTF_8);
    }
}
