package dev.lowbit.compeft;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads a header and believes nothing: sizes are compared with the bytes that there are before anything is made of them, tensors fill their vectors
 * without hole or overlap, payloads fill the file.
 */
final class UpdateHeaderParser {
    private final Path file;
    private final ByteBuffer header;
    private final Limits limits;

    /** @param header the whole header, little-endian, positioned behind the version; consumed */
    UpdateHeaderParser(Path file, ByteBuffer header, Limits limits) {
        this.file = file;
        this.header = header;
        this.limits = limits;
    }

    /** @throws MalformedFileException for a header that no writer writes */
    UpdateHeader parse() {
        Granularity granularity = choice(Granularity.values(), "granularity");
        ScaleRule scaleRule = choice(ScaleRule.values(), "scale rule");
        TernaryCode code = choice(TernaryCode.values(), "code");
        SelectionRule selection = choice(SelectionRule.values(), "selection rule");
        ComPeftSettings settings;
        try {
            settings = new ComPeftSettings(
                    header.getDouble(), selection, scaleRule, header.getDouble(), granularity, code);
        } catch (InvalidRequestException e) {
            throw fail(Reason.DAMAGED, "impossible settings: " + e.getMessage());
        }
        long fileBytes = header.getLong();
        header.getInt();
        int count = header.getInt();
        if (count < 1 || count > limits.maxTensors()) {
            throw fail(
                    Reason.TOO_MANY_TENSORS,
                    Integer.toUnsignedString(count) + " tensors, 1 to " + limits.maxTensors() + " are possible");
        }
        int vectorCount = granularity == Granularity.GLOBAL ? 1 : count;
        List<UpdateHeader.Vector> vectors = new ArrayList<>();
        for (int i = 0; i < vectorCount; i++) {
            vectors.add(vector(code));
        }
        List<UpdateHeader.Tensor> tensors = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            tensors.add(tensor());
        }
        if (header.hasRemaining()) {
            throw fail(Reason.SIZE_MISMATCH, "the header goes on for " + header.remaining() + " bytes behind its end");
        }
        UpdateHeader result = new UpdateHeader(settings, vectors, tensors);
        requireOrder(tensors);
        requireTiling(result);
        requirePayloads(vectors, fileBytes - header.capacity() - UpdateHeader.CHECKSUM_BYTES);
        return result;
    }

    private <T> T choice(T[] values, String what) {
        int index = header.get() & 0xff;
        if (index >= values.length) {
            throw fail(Reason.DAMAGED, "the unknown " + what + " " + index);
        }
        return values[index];
    }

    private UpdateHeader.Vector vector(TernaryCode code) {
        requireBytes(UpdateHeader.VECTOR_BYTES);
        UpdateHeader.Vector vector = new UpdateHeader.Vector(
                header.getLong(),
                header.getLong(),
                header.getLong(),
                header.getDouble(),
                header.getFloat(),
                header.getInt());
        if (vector.length() < 0 || vector.nonZeros() < 0 || vector.nonZeros() > vector.length()) {
            throw fail(
                    Reason.SIZE_MISMATCH,
                    vector.nonZeros() + " non-zeros of " + vector.length() + " entries, which is impossible");
        }
        if (vector.payloadBytes() < Payload.leastBytes(vector.length(), code)) {
            throw fail(
                    Reason.SIZE_MISMATCH,
                    vector.payloadBytes() + " bytes for " + vector.length() + " entries, at least "
                            + Payload.leastBytes(vector.length(), code) + " are needed");
        }
        requireNumber(vector.deviation(), "deviation");
        requireNumber(vector.scale(), "scale");
        int most = code == TernaryCode.RICE ? RiceCoder.MAX_PARAMETER : 0;
        if (vector.riceParameter() < 0 || vector.riceParameter() > most) {
            throw fail(
                    Reason.DAMAGED,
                    "the Rice parameter " + vector.riceParameter() + ", 0 to " + most + " are possible");
        }
        return vector;
    }

    private UpdateHeader.Tensor tensor() {
        requireBytes(Short.BYTES);
        String name = name(Short.toUnsignedInt(header.getShort()));
        requireBytes(2);
        int type = header.get() & 0xff;
        if (type >= UpdateHeader.TYPES.size()) {
            throw fail(Reason.UNKNOWN_DTYPE, "tensor \"" + name + "\" with the unknown element type " + type);
        }
        int dimensions = header.get() & 0xff;
        if (dimensions > limits.maxDimensions()) {
            throw fail(
                    Reason.BAD_SHAPE,
                    "tensor \"" + name + "\" with " + dimensions + " dimensions, at most " + limits.maxDimensions()
                            + " are read");
        }
        requireBytes(Long.BYTES * (dimensions + 3));
        List<Long> shape = new ArrayList<>();
        for (int i = 0; i < dimensions; i++) {
            shape.add(header.getLong());
        }
        requireShape(name, UpdateHeader.TYPES.get(type), shape);
        UpdateHeader.Tensor tensor = new UpdateHeader.Tensor(
                name, UpdateHeader.TYPES.get(type), shape, header.getLong(), header.getDouble(), header.getDouble());
        requireNumber(tensor.energy(), "energy");
        requireNumber(tensor.squaredError(), "squared error");
        return tensor;
    }

    private String name(int length) {
        if (length < 1 || length > limits.maxNameBytes()) {
            throw fail(
                    Reason.BAD_NAME,
                    "a tensor name of " + length + " bytes, 1 to " + limits.maxNameBytes() + " are read");
        }
        requireBytes(length);
        ByteBuffer bytes = header.slice(header.position(), length);
        header.position(header.position() + length);
        try {
            String name = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
            if (name.indexOf('\0') >= 0) {
                throw fail(Reason.BAD_NAME, "a tensor name with a NUL");
            }
            return name;
        } catch (CharacterCodingException e) {
            throw fail(Reason.BAD_UTF8, "a tensor name that is not UTF-8");
        }
    }

    private void requireShape(String name, DType type, List<Long> shape) {
        try {
            Shape.bytes(type, shape);
        } catch (IllegalArgumentException | ArithmeticException e) {
            throw fail(Reason.SIZE_OVERFLOW, "tensor \"" + name + "\" of the impossible shape " + shape);
        }
    }

    private void requireOrder(List<UpdateHeader.Tensor> tensors) {
        for (int i = 1; i < tensors.size(); i++) {
            String name = tensors.get(i).name();
            int order = UpdateTensor.nameOrder().compare(tensors.get(i - 1).name(), name);
            if (order == 0) {
                throw fail(Reason.DUPLICATE_NAME, "tensor \"" + name + "\" twice");
            }
            if (order > 0) {
                throw fail(Reason.BAD_NAME, "tensor \"" + name + "\" out of order");
            }
        }
    }

    /** Tensors lie in their vectors one behind the other, and nothing is left over. */
    private void requireTiling(UpdateHeader result) {
        boolean global = result.settings().granularity() == Granularity.GLOBAL;
        long at = 0;
        for (int i = 0; i < result.tensors().size(); i++) {
            UpdateHeader.Tensor tensor = result.tensors().get(i);
            long length = result.vectors().get(global ? 0 : i).length();
            if (tensor.offset() != at || tensor.elements() > length - at) {
                throw fail(
                        Reason.BAD_OFFSETS,
                        "tensor \"" + tensor.name() + "\" of " + tensor.elements() + " entries at " + tensor.offset()
                                + " of " + length + ", " + at + " was to come");
            }
            at += tensor.elements();
            boolean last = !global || i == result.tensors().size() - 1;
            if (last && at != length) {
                throw fail(
                        Reason.SIZE_MISMATCH,
                        "tensors of " + at + " entries up to \"" + tensor.name() + "\", where there are " + length);
            }
            at = global ? at : 0;
        }
    }

    private void requirePayloads(List<UpdateHeader.Vector> vectors, long bytes) {
        long left = bytes;
        for (UpdateHeader.Vector vector : vectors) {
            if (vector.payloadBytes() > left) {
                throw fail(
                        Reason.SIZE_MISMATCH,
                        "a payload of " + vector.payloadBytes() + " bytes where " + left + " are left");
            }
            left -= vector.payloadBytes();
        }
        if (left != 0) {
            throw fail(Reason.SIZE_MISMATCH, left + " bytes that are no payload");
        }
    }

    private void requireNumber(double value, String what) {
        if (!(value >= 0) || value == Double.POSITIVE_INFINITY) {
            throw fail(Reason.DAMAGED, "the " + what + " " + value + "; a number of at least 0 is needed");
        }
    }

    private void requireBytes(int bytes) {
        if (header.remaining() < bytes) {
            throw fail(Reason.SIZE_MISMATCH, "a header of " + header.capacity() + " bytes, which ends inside a record");
        }
    }

    private MalformedFileException fail(Reason reason, String found) {
        return new MalformedFileException(
                file, header.position(), reason, "the header has " + found + "; get the file again");
    }
}
