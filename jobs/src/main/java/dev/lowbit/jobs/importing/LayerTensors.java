package dev.lowbit.jobs.importing;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.jobs.compress.NaturalOrder;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.PartSpec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The tensors {@code <layer>.<part>} of a quantized layer.
 *
 * @param source must stay open as long as they are used
 * @param name the layer
 */
record LayerTensors(Checkpoint source, String name) {
    /**
     * All layers that have one of some parts, in natural order of their names.
     *
     * @param method for the message
     * @throws MalformedFileException when there is none
     */
    static List<LayerTensors> of(Checkpoint source, String method, String... parts) {
        List<LayerTensors> layers = source.names().stream()
                .flatMap(name -> Stream.of(parts)
                        .map(part -> "." + part)
                        .filter(suffix -> name.endsWith(suffix) && name.length() > suffix.length())
                        .map(suffix -> name.substring(0, name.length() - suffix.length())))
                .distinct()
                .sorted(NaturalOrder.INSTANCE)
                .map(name -> new LayerTensors(source, name))
                .toList();
        if (layers.isEmpty()) {
            throw new MalformedFileException(
                    source.root(),
                    -1,
                    Reason.NO_WEIGHTS,
                    "holds no tensor <layer>." + parts[0] + " of a model of " + method);
        }
        return layers;
    }

    /** The name of the layer's matrix in our models. */
    String weight() {
        return tensor("weight");
    }

    String tensor(String part) {
        return name + "." + part;
    }

    /** What the header says about a part that is there. */
    TensorInfo info(String part) {
        return source.info(tensor(part));
    }

    /**
     * Checks that parts are there, and nothing that contradicts them.
     *
     * @param parts one of them is there
     * @throws MalformedFileException naming what is missing or should not be there
     */
    void requireParts(List<String> parts) {
        String known = parts.stream()
                .filter(part -> source.contains(tensor(part)))
                .findFirst()
                .orElseThrow();
        for (String part : parts) {
            if (!source.contains(tensor(part))) {
                throw malformed(known, "stands there without " + tensor(part));
            }
        }
        if (source.contains(weight())) {
            throw malformed(known, "stands beside " + weight() + "; a layer is either quantized or not");
        }
    }

    /**
     * Checks the type and shape of a part that is there.
     *
     * @param what needs it, for the message
     * @throws MalformedFileException when it is another
     */
    void requireAs(PartSpec needed, String what) {
        TensorInfo tensor = info(needed.name());
        if (tensor.type() != needed.type() || !tensor.shape().equals(needed.shape())) {
            throw malformed(
                    needed.name(), found(needed.name()) + "; " + what + " need " + needed.type() + needed.shape());
        }
    }

    /** "is TYPE[shape]". */
    String found(String part) {
        return "is " + info(part).type() + info(part).shape();
    }

    /** A part that is there is not what it should be. */
    MalformedFileException malformed(String part, String detail) {
        TensorInfo tensor = info(part);
        return new MalformedFileException(
                tensor.file(), tensor.offsetBytes(), Reason.DAMAGED, "tensor " + tensor.name() + " " + detail);
    }

    /** The bytes of a part, valid as long as the arena. */
    MemorySegment map(String part, Arena arena) {
        return source.map(tensor(part), arena);
    }

    /** A part in its own type and shape, valid as long as the arena. */
    Part part(String part, Arena arena) {
        TensorInfo tensor = info(part);
        return new Part(part, tensor.type(), tensor.shape(), map(part, arena));
    }

    /**
     * What is read out of parts that are mapped meanwhile.
     *
     * @throws MalformedFileException in place of a MalformedPartException
     */
    <T> T reading(Function<Arena, T> read) {
        try (Arena arena = Arena.ofShared()) {
            return read.apply(arena);
        } catch (MalformedPartException e) {
            TensorInfo tensor = info(e.part());
            throw new MalformedFileException(
                    tensor.file(), tensor.offsetBytes(), Reason.DAMAGED, name + ": " + e.getMessage(), e);
        }
    }
}
