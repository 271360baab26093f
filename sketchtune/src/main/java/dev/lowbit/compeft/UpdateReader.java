package dev.lowbit.compeft;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MalformedPartException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reads one file, twice: first every byte for its checksum, so that damage is called damage; then what it says. */
final class UpdateReader {
    private static final int CHUNK = 1 << 20;

    private final Path file;
    private final FileChannel channel;
    private final Limits limits;
    private final Workers workers;

    UpdateReader(Path file, FileChannel channel, Limits limits, Workers workers) {
        this.file = file;
        this.channel = channel;
        this.limits = limits;
        this.workers = workers;
    }

    CompressedUpdate read() throws IOException {
        int checksum = verify();
        FileBytes bytes = new FileBytes(file, channel);
        ByteBuffer fixed = bytes.read(UpdateHeader.FIXED_BYTES);
        ByteBuffer whole = header(fixed, bytes);
        UpdateHeader header = new UpdateHeaderParser(file, whole, limits).parse();
        List<CompressedVector> vectors = new ArrayList<>();
        for (UpdateHeader.Vector vector : header.vectors()) {
            vectors.add(vector(vector, header.settings().code(), bytes));
        }
        if (bytes.checksum() != checksum) {
            throw fail(-1, Reason.FILE_CHANGED, "changed while it was read: it was written to");
        }
        return new CompressedUpdate(header.settings(), vectors, tensors(header, vectors));
    }

    /** Returns the checksum, which holds; the file is of this version and as long as it says. */
    private int verify() throws IOException {
        long size = channel.size();
        if (size < UpdateHeader.FIXED_BYTES + UpdateHeader.CHECKSUM_BYTES) {
            throw fail(size, Reason.TRUNCATED, "has " + size + " bytes, less than any ComPEFT update; get it again");
        }
        FileBytes bytes = new FileBytes(file, channel);
        ByteBuffer fixed = bytes.read(UpdateHeader.FIXED_BYTES);
        if (fixed.getLong() != UpdateHeader.MAGIC) {
            throw fail(0, Reason.DAMAGED, "does not begin with LBCOMPFT: it is no ComPEFT update, or a damaged one");
        }
        int version = fixed.getInt();
        long announced = fixed.getLong(32);
        if (announced != size) {
            Reason reason = announced < size ? Reason.TRAILING_BYTES : Reason.TRUNCATED;
            throw fail(32, reason, "has " + size + " bytes and says " + announced + "; get it again");
        }
        for (long left = size - bytes.position() - UpdateHeader.CHECKSUM_BYTES; left > 0; ) {
            int part = (int) Math.min(CHUNK, left);
            bytes.read(part);
            left -= part;
        }
        int checksum = bytes.checksum();
        if (bytes.read(UpdateHeader.CHECKSUM_BYTES).getInt() != checksum) {
            throw fail(-1, Reason.DAMAGED, "was altered: its CRC-32C does not hold; get it again");
        }
        if (version != UpdateHeader.VERSION) {
            throw new UnsupportedModelException(file + ": version " + Integer.toUnsignedString(version)
                    + " of the format, " + UpdateHeader.VERSION + " is read; update Lowbit");
        }
        return checksum;
    }

    /** The whole header, positioned behind the version. */
    private ByteBuffer header(ByteBuffer fixed, FileBytes bytes) throws IOException {
        long length = Integer.toUnsignedLong(fixed.getInt(40));
        long most = Math.min(limits.maxHeaderBytes(), channel.size() - UpdateHeader.CHECKSUM_BYTES);
        if (length < UpdateHeader.FIXED_BYTES || length > most) {
            throw fail(
                    40,
                    Reason.HEADER_TOO_LARGE,
                    "has a header of " + length + " bytes, " + UpdateHeader.FIXED_BYTES + " to " + most
                            + " are possible");
        }
        ByteBuffer rest = bytes.read((int) length - UpdateHeader.FIXED_BYTES);
        return ByteBuffer.allocate((int) length)
                .order(fixed.order())
                .put(fixed)
                .put(rest)
                .position(Long.BYTES + Integer.BYTES);
    }

    private CompressedVector vector(UpdateHeader.Vector vector, TernaryCode code, FileBytes bytes) throws IOException {
        long begin = bytes.position();
        try {
            TernaryVector signs = Payload.read(
                    bytes,
                    vector.length(),
                    vector.nonZeros(),
                    vector.payloadBytes(),
                    code,
                    vector.riceParameter(),
                    workers);
            return new CompressedVector(
                    signs, vector.deviation(), vector.scale(), vector.riceParameter(), vector.payloadBytes());
        } catch (MalformedPartException e) {
            throw new MalformedFileException(file, begin, Reason.DAMAGED, e.getMessage() + "; get it again", e);
        }
    }

    private static List<TernaryTensor> tensors(UpdateHeader header, List<CompressedVector> vectors) {
        List<TernaryTensor> tensors = new ArrayList<>();
        for (UpdateHeader.Tensor tensor : header.tensors()) {
            boolean global = header.settings().granularity() == Granularity.GLOBAL;
            CompressedVector vector = vectors.get(global ? 0 : tensors.size());
            tensors.add(new TernaryTensor(
                    tensor.name(),
                    tensor.type(),
                    tensor.shape(),
                    vector.signs(),
                    tensor.offset(),
                    vector.scale(),
                    tensor.energy(),
                    tensor.squaredError()));
        }
        return tensors;
    }

    private MalformedFileException fail(long at, Reason reason, String detail) {
        return new MalformedFileException(file, at, reason, detail);
    }
}
