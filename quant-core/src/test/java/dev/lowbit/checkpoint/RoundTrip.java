package dev.lowbit.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Writes what a reader gives, changing nothing. */
final class RoundTrip {
    private RoundTrip() {}

    static void copy(SafetensorsFile source, Path target) {
        try (SafetensorsWriter writer = SafetensorsWriter.create(target, source.metadata(), entries(source));
                Arena arena = Arena.ofConfined()) {
            for (TensorInfo tensor : source.tensors()) {
                writer.write(source.map(tensor.name(), arena));
            }
            writer.finish();
        }
    }

    static List<SafetensorsWriter.Entry> entries(SafetensorsFile source) {
        return source.tensors().stream().map(RoundTrip::entry).toList();
    }

    private static SafetensorsWriter.Entry entry(TensorInfo tensor) {
        return new SafetensorsWriter.Entry(tensor.name(), tensor.type(), tensor.shape());
    }

    static List<SafetensorsWriter.Entry> headerOrder(SafetensorsFile source) {
        return source.byName().values().stream().map(RoundTrip::entry).toList();
    }

    /** Whether the file's header is as long as ours and its records stand in data order: then only its bytes can be equal. */
    static boolean isCanonical(SafetensorsFile source) throws IOException {
        long headerBytes;
        try (InputStream stream = Files.newInputStream(source.path())) {
            headerBytes = ByteBuffer.wrap(stream.readNBytes(8))
                    .order(ByteOrder.LITTLE_ENDIAN)
                    .getLong();
        }
        boolean sameOrder = List.copyOf(source.byName().keySet())
                .equals(source.tensors().stream().map(TensorInfo::name).toList());
        return sameOrder && 8 + headerBytes == SafetensorsWriter.headerBytes(source.metadata(), entries(source));
    }
}
