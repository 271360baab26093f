package dev.lowbit.checkpoint;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * A file's content is not what its format promises: the file's fault, never the caller's and never a bug of ours. The
 * message is one line that says where, what was found and what to do.
 */
public final class MalformedFileException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** The closed set of faults; tests match on it, never on the text. */
    public enum Reason {
        /** The file ends before what its own header promises: usually an interrupted download. */
        TRUNCATED,
        /** The header length exceeds the limit, or is not a length at all. */
        HEADER_TOO_LARGE,
        /** The text breaks the JSON grammar, or a value has the wrong JSON type. */
        BAD_JSON,
        /** The text is not UTF-8. */
        BAD_UTF8,
        /** Arrays or objects nest deeper than the limit. */
        NESTING_TOO_DEEP,
        /** An object holds the same key twice. */
        DUPLICATE_KEY,
        /** The file is some other kind of file; the message says which. */
        NOT_SAFETENSORS,
        /** Bytes follow the last tensor. */
        TRAILING_BYTES,
        /** Tensor ranges overlap, leave holes, or are no ranges. */
        BAD_OFFSETS,
        /** Element count or byte size does not fit 63 bits. */
        SIZE_OVERFLOW,
        /** A dimension is negative or not a number of elements; too many dimensions. */
        BAD_SHAPE,
        /** Shape and type do not give the number of bytes that the offsets give. */
        SIZE_MISMATCH,
        /** The element type is not one of the format. */
        UNKNOWN_DTYPE,
        /** A tensor record lacks a required field. */
        MISSING_FIELD,
        /** {@code __metadata__} is not a map of strings, or too large. */
        BAD_METADATA,
        /** A tensor name is empty, too long, or holds a NUL. */
        BAD_NAME,
        /** Elements of less than a byte do not fill whole bytes. */
        SUB_BYTE_SIZE,
        /** More tensors than the limit. */
        TOO_MANY_TENSORS,
        /** The file was changed, replaced or truncated while it was read. */
        FILE_CHANGED,
        /** Two files hold a tensor of the same name. */
        DUPLICATE_NAME,
        /** The shard index cannot be read. */
        BAD_INDEX,
        /** A file name inside a file points out of its directory. */
        UNSAFE_PATH,
        /** A file that the index (or the numbering of the shards) promises is absent. */
        MISSING_SHARD,
        /** The index and the shards disagree about a tensor. */
        INDEX_MISMATCH,
        /** Two different sets of weights are present and nothing says which is meant. */
        AMBIGUOUS_INPUT,
        /** No weights in a format that is read. */
        NO_WEIGHTS,
        /** config.json cannot be used. */
        BAD_CONFIG,
        /** lowbit.json cannot be used. */
        BAD_MANIFEST,
        /** adapter_config.json cannot be used. */
        BAD_ADAPTER,
        /** tokenizer.json cannot be used. */
        BAD_TOKENIZER,
        /** Calibration text cannot be used. */
        BAD_CALIBRATION,
        /** A task file cannot be used. */
        BAD_TASK,
        /** A weight is NaN or infinite. */
        NON_FINITE,
        /** Content does not match its recorded digest or invariant. */
        DAMAGED
    }

    private final transient Path file;
    private final long byteOffset;
    private final Reason reason;
    private final String detail;
    private final boolean collection;

    /**
     * @param file the file at fault
     * @param byteOffset where in the file, or -1 when no single place is meant
     * @param detail one line without the file name: what was found, what is needed, what to do
     */
    public MalformedFileException(Path file, long byteOffset, Reason reason, String detail) {
        this(file, byteOffset, reason, detail, null);
    }

    /** As above, with the failure underneath. */
    public MalformedFileException(Path file, long byteOffset, Reason reason, String detail, Throwable cause) {
        super(message(file, byteOffset, reason, detail), cause);
        this.file = file;
        this.byteOffset = byteOffset;
        this.reason = reason;
        this.detail = detail;
        this.collection = false;
    }

    private MalformedFileException(Path folder, List<MalformedFileException> problems, String message) {
        super(message);
        this.file = folder;
        this.byteOffset = -1;
        this.reason = problems.getFirst().reason;
        this.detail = message;
        this.collection = true;
        problems.forEach(this::addSuppressed);
    }

    /** One exception for all faults found in the files of {@code folder}: the reason is that of the first. */
    public static MalformedFileException all(Path folder, List<MalformedFileException> problems) {
        if (problems.size() == 1) {
            return problems.getFirst();
        }
        StringBuilder text = new StringBuilder(folder + ": " + problems.size() + " files are malformed");
        for (MalformedFileException problem : problems) {
            text.append("; ").append(problem.getMessage());
        }
        return new MalformedFileException(folder, problems, text.toString());
    }

    private static String message(Path file, long byteOffset, Reason reason, String detail) {
        String place = byteOffset < 0 ? "" : " at byte " + byteOffset;
        return OneLine.of(file + ": " + detail + " (" + reason + place + ")");
    }

    /** The file at fault; a folder when several files are. */
    public Path file() {
        return file;
    }

    /** Where the fault was noticed, in bytes from the start of the file (exact for ASCII text); -1 when no place is meant. */
    public long byteOffset() {
        return byteOffset;
    }

    public Reason reason() {
        return reason;
    }

    /** The message without file, reason and place. */
    public String detail() {
        return detail;
    }

    /** Every fault when several files are malformed, else this one alone. */
    public List<MalformedFileException> problems() {
        if (!collection) {
            return List.of(this);
        }
        return Stream.of(getSuppressed())
                .filter(MalformedFileException.class::isInstance)
                .map(MalformedFileException.class::cast)
                .toList();
    }
}
