package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * One safetensors file, opened read-only and checked completely: after {@link #open} every tensor lies inside the file and
 * has the size that its shape needs. No descriptor or mapping is held between calls.
 */
public final class SafetensorsFile implements AutoCloseable {
    private static final long COPY_CHUNK = 8L << 20;

    private final SourceFile source;
    private final SafetensorsHeader header;
    private final List<TensorInfo> ordered;
    private final Limits limits;
    private volatile boolean closed;

    private SafetensorsFile(SourceFile source, SafetensorsHeader header, Limits limits) {
        this.limits = limits;
        this.source = source;
        this.header = header;
        this.ordered =
                List.copyOf(SafetensorsHeader.inOffsetOrder(header.tensors().values()));
    }

    /**
     * Reads and checks the header of {@code file}.
     *
     * @throws MalformedFileException when the content is not a valid safetensors file within {@code limits}
     * @throws java.io.UncheckedIOException when it cannot be read
     */
    public static SafetensorsFile open(Path file, Limits limits) {
        SourceFile source = SourceFile.of(file);
        return new SafetensorsFile(source, source.read(channel -> readHeader(source, channel, limits)), limits);
    }

    private static SafetensorsHeader readHeader(SourceFile source, FileChannel channel, Limits limits)
            throws IOException {
        byte[] first = firstBytes(channel);
        SafetensorsHeader.requireLengthField(source.path(), first.length);
        long headerBytes = ByteBuffer.wrap(first).order(ByteOrder.LITTLE_ENDIAN).getLong();
        SafetensorsHeader.checkLength(source.path(), headerBytes, source.size(), first, limits);
        long dataStart = SafetensorsHeader.LENGTH_BYTES + headerBytes;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment json = headerBytes == 0
                    ? MemorySegment.NULL
                    : source.map(channel, SafetensorsHeader.LENGTH_BYTES, headerBytes, arena);
            try (JsonTokens tokens = new JacksonTokens(
                    source.path(), limits, SafetensorsHeader.LENGTH_BYTES, new SegmentStream(json), false)) {
                SafetensorsHeader header = SafetensorsHeader.parse(tokens, dataStart);
                header.checkLayout(source.path(), dataStart, source.size() - dataStart);
                return header;
            }
        }
    }

    private static byte[] firstBytes(FileChannel channel) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(FileHint.LENGTH);
        while (buffer.hasRemaining() && channel.read(buffer) >= 0) {}
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    /** The file. */
    public Path path() {
        return source.path();
    }

    /** Size of the whole file in bytes. */
    public long size() {
        return source.size();
    }

    /** All tensors in offset order. */
    public List<TensorInfo> tensors() {
        return ordered;
    }

    /** All tensors by name, in header order. */
    public SequencedMap<String, TensorInfo> byName() {
        return header.tensors();
    }

    /** The {@code __metadata__} map in header order, empty when absent. */
    public Map<String, String> metadata() {
        return header.metadata();
    }

    /** What is odd but harmless. */
    public List<String> warnings() {
        return header.unknownFields() == 0
                ? List.of()
                : List.of(path() + ": " + header.unknownFields() + " unknown fields in tensor records were ignored");
    }

    /**
     * The raw bytes of a tensor, mapped read-only until {@code arena} closes; possibly unaligned.
     *
     * <p>An access after somebody truncated the file fails with an InternalError; {@link #guard} translates it.
     */
    public MemorySegment map(String name, Arena arena) {
        TensorInfo tensor = require(name);
        return source.read(channel -> map(channel, tensor, 0, tensor.byteSize(), arena));
    }

    /** Maps a part of a tensor on a channel that {@link #read} gave. */
    MemorySegment map(FileChannel channel, TensorInfo tensor, long from, long bytes, Arena arena) throws IOException {
        // an empty mapping is an error for some systems
        return bytes == 0 ? MemorySegment.NULL : source.map(channel, tensor.offsetBytes() + from, bytes, arena);
    }

    /** Runs {@code body} on a channel of its own, with all changes of the file translated to FILE_CHANGED. */
    <T> T read(SourceFile.Reading<T> body) {
        requireOpen();
        return source.read(body);
    }

    /** Runs {@code access}, which reads segments of {@link #map}, and turns a fault of the mapping into FILE_CHANGED. */
    public void guard(Runnable access) {
        source.read(channel -> {
            access.run();
            return null;
        });
    }

    /** Writes the raw bytes of a tensor to {@code target}, streamed. */
    public void copyTo(String name, WritableByteChannel target) {
        TensorInfo tensor = require(name);
        source.read(channel -> {
            long at = tensor.offsetBytes();
            long end = at + tensor.byteSize();
            while (at < end) {
                long moved = channel.transferTo(at, Math.min(COPY_CHUNK, end - at), target);
                if (moved <= 0) {
                    throw new MalformedFileException(
                            path(), at, Reason.FILE_CHANGED, "changed while it was read: it was truncated");
                }
                at += moved;
            }
            return null;
        });
    }

    /**
     * Feeds every byte of the file to {@code digest} and compares the listing on the way, read by other means, with the one
     * that was opened.
     */
    void digest(MessageDigest digest) {
        read(channel -> {
            InputStream bytes = new DigestInputStream(Channels.newInputStream(channel), digest);
            if (!SafetensorsStream.read(path(), bytes, limits).equals(header)) {
                throw new MalformedFileException(
                        path(), 0, Reason.FILE_CHANGED, "changed while it was read: its header is another one");
            }
            return null;
        });
    }

    private TensorInfo require(String name) {
        requireOpen();
        TensorInfo tensor = header.tensors().get(name);
        if (tensor == null) {
            throw InvalidRequestException.usage("no tensor " + OneLine.quote(name) + " in " + path());
        }
        return tensor;
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException(path() + " is closed");
        }
    }

    /** Ends the use of this file; segments that were mapped live on until their arena closes. */
    @Override
    public void close() {
        closed = true;
    }

    /** The bytes of a segment as a stream. */
    private static final class SegmentStream extends InputStream {
        private final MemorySegment segment;
        private long at;

        SegmentStream(MemorySegment segment) {
            this.segment = segment;
        }

        @Override
        public int read() {
            return at == segment.byteSize() ? -1 : segment.get(ValueLayout.JAVA_BYTE, at++) & 0xff;
        }

        @Override
        public int read(byte[] target, int from, int length) {
            if (length == 0) {
                return 0;
            }
            int n = (int) Math.min(length, segment.byteSize() - at);
            if (n == 0) {
                return -1;
            }
            MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, at, target, from, n);
            at += n;
            return n;
        }
    }
}
