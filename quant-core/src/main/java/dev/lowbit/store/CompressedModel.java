package dev.lowbit.store;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;

/**
 * A compressed model on disk, opened read-only. Manifest and headers are read and compared with one another at once; a
 * matrix is mapped and checked when it is first asked for. Usable from several threads.
 */
public final class CompressedModel implements AutoCloseable {
    private final Path directory;
    private final Manifest manifest;
    private final Checkpoint checkpoint;
    private final Map<String, MatrixEntry> entries = new LinkedHashMap<>();
    private final Map<String, String> tensorDigests = new HashMap<>();
    private final Map<String, String> fileDigests = new HashMap<>();
    private final Map<String, QuantizedMatrix> mapped = new ConcurrentHashMap<>();
    private final Arena arena = Arena.ofShared();

    private CompressedModel(Path directory, Manifest manifest, Checkpoint checkpoint) {
        this.directory = directory;
        this.manifest = manifest;
        this.checkpoint = checkpoint;
        manifest.matrices().forEach(matrix -> entries.put(matrix.name(), matrix));
        manifest.partsByTensor().forEach((tensor, part) -> tensorDigests.put(tensor, part.sha256()));
        manifest.tensors().forEach(tensor -> tensorDigests.put(tensor.name(), tensor.sha256()));
        manifest.files().forEach(file -> fileDigests.put(file.name(), file.sha256()));
    }

    /**
     * Opens the model in a directory.
     *
     * @throws InvalidRequestException when it is a model in floats
     * @throws MalformedFileException when the manifest was lost, a file is not what it should be, or the files contradict one another
     * @throws UnsupportedModelException when a newer Lowbit wrote it, or others quantized it
     * @throws UncheckedIOException when there is no such directory, or something cannot be read
     */
    public static CompressedModel open(Path directory) {
        if (!Manifest.isIn(directory)) {
            // what is wrong with it as a model is the better answer
            FloatModel.requireModel(directory);
            throw InvalidRequestException.usage(directory + " holds no " + Manifest.FILE
                    + "; give the directory of a model that was compressed by Lowbit");
        }
        requireOwnDigest(directory);
        return openUnchecked(directory);
    }

    /** Opens a model whose manifest need not match its digest file. */
    static CompressedModel openUnchecked(Path directory) {
        Manifest manifest = Manifest.read(directory);
        Checkpoint checkpoint = Checkpoint.open(directory);
        try {
            requireAgreement(directory.resolve(Manifest.FILE), manifest, checkpoint);
            return new CompressedModel(directory, manifest, checkpoint);
        } catch (RuntimeException | Error e) {
            checkpoint.close();
            throw e;
        }
    }

    /** A manifest without its digest file is read all the same; {@link Verifier} reports the loss. */
    private static void requireOwnDigest(Path directory) {
        Path digestFile = directory.resolve(Manifest.DIGEST_FILE);
        if (Files.exists(digestFile) && !holdsDigest(directory)) {
            throw new MalformedFileException(
                    directory.resolve(Manifest.FILE),
                    -1,
                    Reason.DAMAGED,
                    "does not have the digest in " + Manifest.DIGEST_FILE + "; fetch both again");
        }
    }

    /** Whether the digest file holds exactly the digest of the manifest. */
    static boolean holdsDigest(Path directory) {
        byte[] expected = Manifest.digestLine(Digest.sha256(directory.resolve(Manifest.FILE)))
                .getBytes(StandardCharsets.US_ASCII);
        Path file = directory.resolve(Manifest.DIGEST_FILE);
        try {
            return Files.size(file) == expected.length && Arrays.equals(Files.readAllBytes(file), expected);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + file + ": " + e, e);
        }
    }

    private static void requireAgreement(Path file, Manifest manifest, Checkpoint checkpoint) {
        Map<String, TensorInfo> unclaimed = new HashMap<>();
        checkpoint.names().forEach(name -> unclaimed.put(name, checkpoint.info(name)));
        for (PartOwner owner : manifest.owners()) {
            for (PartEntry part : owner.parts()) {
                TensorInfo tensor = claim(file, unclaimed, checkpoint, owner.tensorName(part), owner.file());
                if (tensor.type() != part.type() || !tensor.shape().equals(part.shape())) {
                    throw disagreement(
                            file,
                            "says " + part.type() + part.shape() + " for tensor " + tensor.name()
                                    + ", the weights hold " + tensor.type() + tensor.shape());
                }
            }
        }
        for (TensorEntry tensor : manifest.tensors()) {
            claim(file, unclaimed, checkpoint, tensor.name(), tensor.file());
        }
        if (!unclaimed.isEmpty()) {
            throw disagreement(
                    file,
                    "does not list " + unclaimed.keySet().iterator().next() + " and " + (unclaimed.size() - 1)
                            + " more tensors of the weights");
        }
    }

    private static TensorInfo claim(
            Path manifest, Map<String, TensorInfo> unclaimed, Checkpoint checkpoint, String name, String file) {
        TensorInfo tensor = unclaimed.remove(name);
        if (tensor == null || !tensor.file().endsWith(Path.of(file))) {
            throw disagreement(manifest, "lists tensor " + name + " in " + file + ", where it is not");
        }
        return tensor;
    }

    private static MalformedFileException disagreement(Path file, String detail) {
        return new MalformedFileException(file, -1, Reason.DAMAGED, detail);
    }

    /** Where the model is. */
    public Path directory() {
        return directory;
    }

    public Manifest manifest() {
        return manifest;
    }

    /** SHA-256 of the manifest file, which holds the digest of every other: names the model to the bit. */
    public String digest() {
        return Digest.sha256(directory.resolve(Manifest.FILE));
    }

    /** Names of the compressed matrices in manifest order. */
    public List<String> names() {
        return List.copyOf(entries.keySet());
    }

    /** What the manifest says about a compressed matrix. */
    public MatrixEntry entry(String name) {
        MatrixEntry entry = entries.get(name);
        if (entry == null) {
            throw InvalidRequestException.usage("no compressed matrix " + name + " in " + directory);
        }
        return entry;
    }

    /**
     * A compressed matrix over mapped bytes, outputs x inputs; the same object each time, valid until this model closes.
     *
     * <p>Products read the mapped bytes where they lie, without a copy. Whoever truncates the file under them ends them with an InternalError ("unsafe memory access"),
     * and where compiled vector code meets the missing bytes, with the whole JVM. Replace model files by renaming others to their names, never by writing into them.
     *
     * @throws MalformedFileException when its parts are impossible; FILE_CHANGED when the file is no longer the one that was opened
     */
    public QuantizedMatrix matrix(String name) {
        return mapped.computeIfAbsent(name, n -> matrix(n, arena));
    }

    /** A compressed matrix whose mapped bytes live as long as {@code arena}: for one matrix at a time. */
    public QuantizedMatrix matrix(String name, Arena arena) {
        MatrixEntry entry = entry(name);
        return guarded(entry, () -> read(entry, parts(entry, arena)));
    }

    /**
     * The same, every part compared with its digest: for what is written anew from it, where damage would live on under new digests.
     *
     * @throws MalformedFileException DAMAGED when a part does not have its digest
     */
    public QuantizedMatrix intactMatrix(String name, Arena arena) {
        MatrixEntry entry = entry(name);
        return guarded(entry, () -> {
            Map<String, Part> parts = parts(entry, arena);
            manifest.tensorsOf(entry)
                    .forEach((part, tensor) ->
                            requireIntact(tensor, Digest.sha256(parts.get(part).bytes())));
            return read(entry, parts);
        });
    }

    /**
     * What {@code access}, which reads the mapped parts of a matrix, gives.
     *
     * @throws MalformedFileException FILE_CHANGED when it meets the end of a file that somebody truncated
     */
    <T> T guarded(MatrixEntry entry, Supplier<T> access) {
        try {
            return access.get();
        } catch (InternalError e) {
            // mapping a part compares its file with what it was, and so says which has changed
            try (Arena again = Arena.ofConfined()) {
                parts(entry, again);
            }
            throw e;
        }
    }

    private Map<String, Part> parts(MatrixEntry entry, Arena arena) {
        Map<String, Part> parts = new LinkedHashMap<>();
        for (PartOwner owner : manifest.ownersOf(entry)) {
            for (PartEntry part : owner.parts()) {
                Part mapping =
                        new Part(part.name(), part.type(), part.shape(), checkpoint.map(owner.tensorName(part), arena));
                if (parts.put(part.name(), mapping) != null) {
                    throw new MalformedFileException(
                            directory.resolve(Manifest.FILE),
                            -1,
                            Reason.BAD_MANIFEST,
                            entry.name() + " has part " + part.name() + " of its own and shared");
                }
            }
        }
        return parts;
    }

    private QuantizedMatrix read(MatrixEntry entry, Map<String, Part> parts) {
        String name = entry.name();
        try {
            return MatrixFormats.read(entry.format(), entry.rows(), entry.columns(), parts);
        } catch (MalformedPartException e) {
            throw new MalformedFileException(
                    directory.resolve(entry.file()), -1, Reason.DAMAGED, name + ": " + e.getMessage(), e);
        } catch (InvalidRequestException e) {
            throw new UnsupportedModelException(directory + ": matrix " + name + ": " + e.getMessage());
        } catch (ArithmeticException | IllegalArgumentException e) {
            throw new MalformedFileException(
                    directory.resolve(Manifest.FILE), -1, Reason.BAD_MANIFEST, name + ": " + e.getMessage(), e);
        }
    }

    /**
     * Compares what was read of a tensor with the manifest.
     *
     * @param tensor a part of a compressed matrix, or carried over
     * @param sha256 of the bytes that were read
     * @throws MalformedFileException DAMAGED when the manifest has another digest
     */
    public void requireIntact(String tensor, String sha256) {
        if (!sha256.equals(tensorDigests.get(tensor))) {
            throw damaged(checkpoint.info(tensor).file(), "tensor " + tensor + " does not have");
        }
    }

    /**
     * Compares what was read of a file with the manifest; one that is not listed has nothing to be compared with.
     *
     * @param name relative to the directory
     * @param sha256 of its bytes
     * @throws MalformedFileException DAMAGED when the manifest has another digest
     */
    public void requireIntactFile(String name, String sha256) {
        String expected = fileDigests.getOrDefault(name, sha256);
        if (!sha256.equals(expected)) {
            throw damaged(directory.resolve(name), "does not have");
        }
    }

    /**
     * Reads every file and compares it with the manifest: before long work that would end at damage.
     *
     * @throws MalformedFileException DAMAGED naming the first that does not have its digest
     * @throws UncheckedIOException when one cannot be read
     */
    public void requireIntact() {
        for (FileEntry file : manifest.files()) {
            requireIntactFile(file.name(), Digest.sha256(directory.resolve(file.name())));
        }
    }

    private static MalformedFileException damaged(Path file, String what) {
        return new MalformedFileException(
                file,
                -1,
                Reason.DAMAGED,
                what
                        + " the digest of the manifest; run lowbit verify, which lists all damage, and fetch the model again");
    }

    /** Stored bytes of all parts of a matrix, shared ones in full. */
    long bytesOfParts(String name) {
        return manifest.ownersOf(entry(name)).stream()
                .mapToLong(PartOwner::ownBytes)
                .sum();
    }

    /** The weight files as plain tensors: those of {@link Manifest#tensors} are the source's own, the others are parts. */
    public Checkpoint checkpointOfOthers() {
        return checkpoint;
    }

    /** Unmaps everything that {@link #matrix(String)} gave; a second time does nothing. */
    @Override
    public void close() {
        mapped.clear();
        if (arena.scope().isAlive()) {
            arena.close();
        }
        checkpoint.close();
    }
}
