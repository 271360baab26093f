package dev.lowbit.store;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.StrictJson;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Reads a manifest and believes nothing in it: every value is checked for type and range, every name for uniqueness, every
 * file name for staying inside the directory. Unknown fields are ignored.
 */
final class ManifestParser {
    private static final int MAX_DIMENSIONS = 8;

    private final Path file;
    private final Limits limits;
    private final Set<String> tensorNames = new HashSet<>();
    private final Set<String> fileNames = new HashSet<>();
    private final List<Long> totals = new ArrayList<>();

    private ManifestParser(Path file, Limits limits) {
        this.file = file;
        this.limits = limits;
    }

    static Manifest parse(Path file) {
        Limits limits = Limits.defaults();
        return new ManifestParser(file, limits)
                .manifest(new JsonFields(file, "", StrictJson.readObject(file, limits.maxHeaderBytes(), limits)));
    }

    private Manifest manifest(JsonFields fields) {
        if (!fields.string("format").equals("lowbit")) {
            throw fields.fail("format is not \"lowbit\"; this is no manifest of a compressed model");
        }
        int version = (int) fields.number("version", 1, Integer.MAX_VALUE);
        if (version > Manifest.VERSION) {
            throw new UnsupportedModelException(file + ": written in format version " + version
                    + ", this Lowbit reads up to " + Manifest.VERSION + "; use a newer Lowbit");
        }
        List<FileEntry> files = fields.objects("files").stream().map(this::file).toList();
        List<SharedParts> shared = version == 1
                ? List.of()
                : fields.objects("shared").stream().map(this::shared).toList();
        List<MatrixEntry> matrices = new ArrayList<>();
        fields.objects("matrices").forEach(matrix -> matrices.add(matrix(matrix, version)));
        List<MatrixEntry> charged = charged(fields, matrices, shared);
        List<TensorEntry> tensors =
                fields.objects("tensors").stream().map(this::tensor).toList();
        return new Manifest(
                version,
                job(fields.object("job")),
                fields.object("source").digest("sha256"),
                fields.digest("fingerprint"),
                shared,
                charged,
                tensors,
                files);
    }

    private CompressionJob job(JsonFields fields) {
        JsonFields options = fields.object("options");
        SortedMap<String, String> values = new TreeMap<>();
        options.names().forEach(name -> values.put(name, options.string(name)));
        return new CompressionJob(
                fields.string("software"),
                fields.string("method"),
                fields.number("seed", Long.MIN_VALUE, Long.MAX_VALUE),
                fields.number("budgetBytes", 0, Long.MAX_VALUE),
                fields.real("objective"),
                fields.real("bound"),
                values);
    }

    private FileEntry file(JsonFields fields) {
        String name = fields.string("name");
        if (!OutputName.isSafe(name) || name.equals(Manifest.FILE) || name.equals(Manifest.DIGEST_FILE)) {
            throw new MalformedFileException(
                    file, -1, Reason.UNSAFE_PATH, "lists the file name \"" + name + "\", which points elsewhere");
        }
        if (!fileNames.add(name)) {
            throw fields.fail("the file " + name + " is listed twice");
        }
        return new FileEntry(name, fields.number("bytes", 0, Long.MAX_VALUE), fields.digest("sha256"));
    }

    private TensorEntry tensor(JsonFields fields) {
        return new TensorEntry(tensorName(fields, fields.string("name")), weightFile(fields), fields.digest("sha256"));
    }

    private SharedParts shared(JsonFields fields) {
        String id = fields.string("id");
        String owner = tensorName(fields, SharedParts.PREFIX + id);
        List<PartEntry> parts = new ArrayList<>();
        fields.objects("parts").forEach(part -> parts.add(part(owner, part)));
        SharedParts set = new SharedParts(id, weightFile(fields), parts);
        if (set.bytes() != fields.number("bytes", 0, Long.MAX_VALUE)) {
            throw fields.fail("the shared parts of " + id + " add up to " + set.bytes() + " bytes, not to its total");
        }
        return set;
    }

    /** The matrices with their charges for what they share, compared with the totals that the file gives. */
    private List<MatrixEntry> charged(JsonFields fields, List<MatrixEntry> matrices, List<SharedParts> shared) {
        List<MatrixEntry> charged;
        try {
            charged = SharedParts.charge(matrices, shared);
        } catch (IllegalArgumentException e) {
            throw fields.fail(e.getMessage());
        }
        for (int i = 0; i < charged.size(); i++) {
            MatrixEntry matrix = charged.get(i);
            if (matrix.bytes() != totals.get(i)) {
                throw fields.fail(
                        "the parts of " + matrix.name() + " add up to " + matrix.bytes() + " bytes, not to its total");
            }
        }
        return charged;
    }

    private MatrixEntry matrix(JsonFields fields, int version) {
        String name = fields.string("name");
        Optional<MeasuredError> error = fields.error();
        List<PartEntry> parts = new ArrayList<>();
        fields.objects("parts").forEach(part -> parts.add(part(name, part)));
        MatrixEntry matrix = new MatrixEntry(
                name,
                weightFile(fields),
                (int) fields.number("rows", 1, Integer.MAX_VALUE),
                (int) fields.number("columns", 1, Integer.MAX_VALUE),
                fields.bool("transposed"),
                type(fields, "sourceType"),
                fields.string("method"),
                fields.string("format"),
                (int) fields.number("rank", 0, Integer.MAX_VALUE),
                error,
                version > 1 && fields.names().contains("shared")
                        ? Optional.of(new SharedUse(fields.string("shared"), 0))
                        : Optional.empty(),
                parts);
        tensorName(fields, name);
        requireFormat(fields, matrix);
        totals.add(fields.number("bytes", 0, Long.MAX_VALUE));
        if (error.isPresent() && error.get().relativeError() != fields.magnitude("relativeError")) {
            throw fields.fail("the errors of " + name + " contradict one another");
        }
        return matrix;
    }

    /** Refuses a format that is none, or that a matrix of this shape cannot have. */
    private static void requireFormat(JsonFields fields, MatrixEntry matrix) {
        try {
            MatrixFormats.bytes(matrix.format(), matrix.rows(), matrix.columns());
        } catch (InvalidRequestException e) {
            throw fields.fail("the format of " + matrix.name() + ": " + e.getMessage());
        } catch (ArithmeticException e) {
            throw fields.fail(matrix.name() + " of " + matrix.rows() + " x " + matrix.columns() + " in the format "
                    + matrix.format() + " has more than 2^63 bytes");
        }
    }

    private PartEntry part(String matrix, JsonFields fields) {
        String name = fields.string("name");
        tensorName(fields, matrix + "." + name);
        DType type = type(fields, "type");
        List<Long> shape = fields.shape("shape", MAX_DIMENSIONS);
        long bytes = fields.number("bytes", 0, Long.MAX_VALUE);
        try {
            if (Shape.bytes(type, shape) == bytes) {
                return new PartEntry(name, type, shape, bytes, fields.digest("sha256"));
            }
        } catch (ArithmeticException | IllegalArgumentException e) {
            throw fields.fail("part " + name + " has no size: " + e.getMessage());
        }
        throw fields.fail("part " + name + ": " + type + shape + " does not fill " + bytes + " bytes");
    }

    private String tensorName(JsonFields fields, String name) {
        if (name.isEmpty() || !tensorNames.add(name)) {
            throw fields.fail("the tensor name \"" + name + "\" is empty or listed twice");
        }
        if (tensorNames.size() > limits.maxTensors()) {
            throw new MalformedFileException(
                    file, -1, Reason.TOO_MANY_TENSORS, "lists more than " + limits.maxTensors() + " tensors");
        }
        return name;
    }

    private String weightFile(JsonFields fields) {
        String name = fields.string("file");
        if (!fileNames.contains(name)) {
            throw fields.fail("the file " + name + " is not among the files");
        }
        return name;
    }

    private DType type(JsonFields fields, String key) {
        String name = fields.string(key);
        return DType.ofSafetensors(name).orElseThrow(() -> fields.fail(key + " " + name + " is unknown"));
    }
}
