package dev.lowbit.compeft;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.DType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Everything in front of the payloads, in the order of docs/formats/compeft.md. What is here when it was read from a file is checked by
 * {@link UpdateHeaderParser}.
 */
record UpdateHeader(ComPeftSettings settings, List<Vector> vectors, List<Tensor> tensors) {
    static final long MAGIC = ByteBuffer.wrap("LBCOMPFT".getBytes(StandardCharsets.US_ASCII))
            .order(ByteOrder.LITTLE_ENDIAN)
            .getLong();
    static final int VERSION = 1;
    /** Bytes in front of the records. */
    static final int FIXED_BYTES = 48;

    static final int VECTOR_BYTES = 40;
    /** Bytes of a tensor without its name and dimensions. */
    static final int TENSOR_BYTES = 28;
    /** Bytes of the checksum at the end of the file. */
    static final int CHECKSUM_BYTES = Integer.BYTES;

    /** Element types in the order of their numbers. */
    static final List<DType> TYPES = List.of(DType.F32, DType.F16, DType.BF16, DType.F64);

    /** What the file says about a {@link CompressedVector}. */
    record Vector(long length, long nonZeros, long payloadBytes, double deviation, float scale, int riceParameter) {}

    /** What the file says about a {@link TernaryTensor}. */
    record Tensor(String name, DType type, List<Long> shape, long offset, double energy, double squaredError) {
        long elements() {
            return TernaryTensor.elements(shape);
        }

        byte[] nameBytes() {
            return name.getBytes(StandardCharsets.UTF_8);
        }
    }

    /** @throws InvalidRequestException (impossible) when an update has more tensors than a reader believes */
    static UpdateHeader of(CompressedUpdate update) {
        List<Vector> vectors = new ArrayList<>();
        for (CompressedVector vector : update.vectors()) {
            vectors.add(new Vector(
                    vector.signs().length(),
                    vector.signs().nonZeros(),
                    vector.payloadBytes(),
                    vector.deviation(),
                    vector.scale(),
                    vector.riceParameter()));
        }
        List<Tensor> tensors = new ArrayList<>();
        for (TernaryTensor tensor : update.tensors()) {
            tensors.add(new Tensor(
                    tensor.name(),
                    tensor.type(),
                    tensor.shape(),
                    tensor.offset(),
                    tensor.energy(),
                    tensor.squaredError()));
        }
        UpdateHeader header = new UpdateHeader(update.settings(), vectors, tensors);
        Limits limits = Limits.defaults();
        if (tensors.size() > limits.maxTensors() || header.bytes() > limits.maxHeaderBytes()) {
            throw InvalidRequestException.impossible(tensors.size() + " tensors with a header of " + header.bytes()
                    + " bytes are more than the " + limits.maxTensors() + " and " + limits.maxHeaderBytes()
                    + " that are read back; split the update");
        }
        return header;
    }

    /** Bytes of this header. */
    long bytes() {
        long bytes = FIXED_BYTES + (long) VECTOR_BYTES * vectors.size();
        for (Tensor tensor : tensors) {
            bytes += TENSOR_BYTES + tensor.nameBytes().length + (long) Long.BYTES * tensor.shape.size();
        }
        return bytes;
    }

    /** Bytes of the whole file. */
    long fileBytes() {
        return bytes() + vectors.stream().mapToLong(Vector::payloadBytes).sum() + CHECKSUM_BYTES;
    }

    byte[] encode() {
        ByteBuffer out = ByteBuffer.allocate((int) bytes()).order(ByteOrder.LITTLE_ENDIAN);
        out.putLong(MAGIC).putInt(VERSION);
        out.put((byte) settings.granularity().ordinal());
        out.put((byte) settings.scaleRule().ordinal());
        out.put((byte) settings.code().ordinal());
        out.put((byte) settings.selection().ordinal());
        out.putDouble(settings.density()).putDouble(settings.alpha());
        out.putLong(fileBytes()).putInt((int) bytes()).putInt(tensors.size());
        for (Vector vector : vectors) {
            out.putLong(vector.length).putLong(vector.nonZeros).putLong(vector.payloadBytes);
            out.putDouble(vector.deviation).putFloat(vector.scale).putInt(vector.riceParameter);
        }
        for (Tensor tensor : tensors) {
            byte[] name = tensor.nameBytes();
            out.putShort((short) name.length).put(name);
            out.put((byte) TYPES.indexOf(tensor.type)).put((byte) tensor.shape.size());
            tensor.shape.forEach(out::putLong);
            out.putLong(tensor.offset).putDouble(tensor.energy).putDouble(tensor.squaredError);
        }
        return out.array();
    }
}
