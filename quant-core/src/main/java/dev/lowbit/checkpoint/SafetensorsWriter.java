package dev.lowbit.checkpoint;

import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes one safetensors file, strictly: the header begins with its brace and is padded with spaces to a multiple of 8, so
 * that data is aligned; tensors follow in the order of the entries. The file appears under its name only when it is
 * complete ({@link #finish}).
 */
public final class SafetensorsWriter implements AutoCloseable {
    private static final int CHUNK = 1 << 20;

    /**
     * A tensor to be written.
     *
     * @param name unique, not empty, at most 512 bytes of UTF-8, no NUL
     * @param type element type
     * @param shape dimensions, row-major
     */
    public record Entry(String name, DType type, List<Long> shape) {
        /** Wide elements first, so that every tensor starts at a multiple of its element's size; then by name. */
        public static final Comparator<Entry> ALIGNED =
                Comparator.comparing((Entry entry) -> -entry.type().bits()).thenComparing(Entry::name);

        public Entry {
            shape = List.copyOf(shape);
        }

        /** Bytes of the data. */
        public long bytes() {
            return Shape.bytes(type, shape);
        }
    }

    private final Path target;
    private final Path temporary;
    private final FileChannel channel;
    private final long end;
    private long written;
    private boolean finished;

    private SafetensorsWriter(Path target, Path temporary, FileChannel channel, long end) {
        this.target = target;
        this.temporary = temporary;
        this.channel = channel;
        this.end = end;
    }

    /**
     * Begins a file whose header is fixed now.
     *
     * @param metadata written in its own order when it has one ({@link SequencedMap}), else sorted by key
     * @param entries all tensors in data order
     * @throws IllegalArgumentException for duplicate or invalid names and impossible sizes
     * @throws UncheckedIOException when the temporary cannot be written
     */
    public static SafetensorsWriter create(Path target, Map<String, String> metadata, List<Entry> entries) {
        byte[] header = header(metadata, entries);
        long data = 0;
        for (Entry entry : entries) {
            data = Math.addExact(data, entry.bytes());
        }
        Path temporary = AtomicOutput.temporary(target);
        try {
            FileChannel channel = AtomicOutput.create(temporary);
            SafetensorsWriter writer =
                    new SafetensorsWriter(target, temporary, channel, Math.addExact(header.length, data));
            try {
                writer.write(ByteBuffer.wrap(header));
                return writer;
            } catch (RuntimeException | Error e) {
                writer.close();
                throw e;
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target + ": " + e, e);
        }
    }

    /** Exact bytes in front of the data: length field, JSON and padding. */
    public static long headerBytes(Map<String, String> metadata, List<Entry> entries) {
        return header(metadata, entries).length;
    }

    private static byte[] header(Map<String, String> metadata, List<Entry> entries) {
        JsonText json = new JsonText();
        json.beginObject();
        if (!metadata.isEmpty()) {
            json.name(SafetensorsHeader.METADATA).beginObject();
            Map<String, String> ordered = metadata instanceof SequencedMap ? metadata : new TreeMap<>(metadata);
            ordered.forEach((key, value) -> json.name(key).string(value));
            json.endObject();
        }
        Set<String> names = new HashSet<>();
        long at = 0;
        for (Entry entry : entries) {
            checkName(entry.name(), names);
            long next = Math.addExact(at, entry.bytes());
            json.name(entry.name()).beginObject();
            json.name("dtype").string(entry.type().safetensorsName());
            json.name("shape").beginArray();
            entry.shape().forEach(json::integer);
            json.endArray();
            json.name("data_offsets").beginArray().integer(at).integer(next).endArray();
            json.endObject();
            at = next;
        }
        byte[] text = json.endObject().toString().getBytes(StandardCharsets.UTF_8);
        int padded = Math.addExact(text.length, 7) / 8 * 8;
        ByteBuffer header = ByteBuffer.allocate(Math.addExact(SafetensorsHeader.LENGTH_BYTES, padded))
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(padded)
                .put(text);
        while (header.hasRemaining()) {
            header.put((byte) ' ');
        }
        return header.array();
    }

    private static void checkName(String name, Set<String> names) {
        boolean encodable = StandardCharsets.UTF_8.newEncoder().canEncode(name);
        if (name.isEmpty() || name.indexOf('\0') >= 0 || name.equals(SafetensorsHeader.METADATA) || !encodable) {
            throw new IllegalArgumentException("not a tensor name: " + OneLine.quote(name));
        }
        if (name.getBytes(StandardCharsets.UTF_8).length > Limits.defaults().maxNameBytes()) {
            throw new IllegalArgumentException(
                    "tensor name longer than " + Limits.defaults().maxNameBytes() + " bytes: " + OneLine.quote(name));
        }
        if (!names.add(name)) {
            throw new IllegalArgumentException("tensor name twice: " + OneLine.quote(name));
        }
    }

    /** Appends the remaining bytes of {@code data}, which is consumed. */
    public void write(ByteBuffer data) {
        if (data.remaining() > end - written) {
            throw new IllegalStateException(target + ": more data than the entries have");
        }
        try {
            while (data.hasRemaining()) {
                written += channel.write(data);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target + ": " + e, e);
        }
    }

    /** Appends all bytes of {@code data} (any size, heap or native; not modified). */
    public void write(MemorySegment data) {
        long size = data.byteSize();
        ByteBuffer staging = data.isNative() ? null : ByteBuffer.allocateDirect((int) Math.min(CHUNK, size));
        for (long at = 0; at < size; at += CHUNK) {
            MemorySegment chunk = data.asSlice(at, Math.min(CHUNK, size - at));
            if (staging == null) {
                write(chunk.asByteBuffer());
            } else {
                MemorySegment.ofBuffer(staging.clear()).copyFrom(chunk);
                write(staging.limit((int) chunk.byteSize()));
            }
        }
    }

    /**
     * Completes the file: checks that all data was written, forces it to the disk and gives it its name.
     *
     * @return the target
     * @throws IllegalStateException when data is missing
     * @throws UncheckedIOException when the file cannot be completed; the temporary goes with {@link #close}
     */
    public Path finish() {
        if (written != end) {
            throw new IllegalStateException(target + ": " + (end - written) + " bytes of data are missing");
        }
        try {
            channel.force(true);
            channel.close();
            AtomicOutput.publish(temporary, target);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot write " + target + ": " + e, e);
        }
        finished = true;
        return target;
    }

    /** Removes the temporary unless {@link #finish} succeeded. */
    @Override
    public void close() {
        if (finished) {
            return;
        }
        try (channel) {
            Temporaries.discard(temporary);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot remove " + temporary + ": " + e, e);
        }
    }
}
