package dev.lowbit.store;

import dev.lowbit.checkpoint.AtomicOutput;
import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.importance.Importance;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/**
 * Writes a compressed model so that it appears whole or not at all and no finished matrix is ever done twice.
 *
 * <p>In the work directory: {@code job} (fingerprint of the job), and per finished matrix {@code matrices/<n>.safetensors}
 * (its parts) and, written after it, {@code matrices/<n>.json} (measured error and digests). {@link #finish} streams them
 * into {@code output/} and renames that to the output. Killed at any moment, a run that opens the same job again goes on
 * from there and gives the same bytes. Different matrices may be added by different threads at once.
 */
public final class ModelWriter implements AutoCloseable {
    static final String JOB = "job";
    private static final String OUTPUT = "output";
    private static final String MATRICES = "matrices";

    private final ModelLayout layout;
    private final WorkDirectory work;
    private final String fingerprint;
    private final boolean published;
    private final Map<String, Integer> indices = new HashMap<>();
    private final Map<String, FinishedMatrix> finished = new ConcurrentHashMap<>();

    private ModelWriter(ModelLayout layout, WorkDirectory work, String fingerprint, boolean published) {
        this.layout = layout;
        this.work = work;
        this.fingerprint = fingerprint;
        this.published = published;
        for (PartOwner owner : layout.owners()) {
            indices.put(owner.owner(), indices.size());
        }
    }

    /**
     * Begins a job, or continues it when the work directory holds traces of the very same one.
     *
     * @param work stays open as long as the writer and is closed by its owner afterwards
     * @throws InvalidRequestException (impossible) when the traces, or an output that exists, are of another job
     */
    public static ModelWriter open(ModelLayout layout, WorkDirectory work) {
        String fingerprint = layout.fingerprint();
        boolean published = work.isPublished();
        try {
            Path job = work.path().resolve(JOB);
            if (published) {
                requirePublishedBy(fingerprint, work);
            } else if (Files.exists(job)) {
                requireSame(fingerprint, Files.readString(job).strip(), work);
            } else {
                AtomicOutput.writeString(job, fingerprint + "\n");
            }
            ModelWriter writer = new ModelWriter(layout, work, fingerprint, published);
            if (!published) {
                Files.createDirectories(work.path().resolve(MATRICES));
                writer.removeStrays();
            }
            return writer;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot work in " + work.path() + ": " + e, e);
        }
    }

    private static void requirePublishedBy(String fingerprint, WorkDirectory work) {
        Optional<String> found = Optional.empty();
        if (Manifest.isIn(work.output())) {
            found = Optional.of(Manifest.read(work.output()).fingerprint());
        }
        if (!found.equals(Optional.of(fingerprint))) {
            throw InvalidRequestException.impossible(
                    "output " + work.output() + " exists and is not of this job; choose another, or remove it");
        }
    }

    private static void requireSame(String fingerprint, String found, WorkDirectory work) {
        if (!found.equals(fingerprint)) {
            throw InvalidRequestException.impossible("the stopped job in " + work.path()
                    + " had another input, other options or another version of Lowbit; repeat it exactly, or remove that"
                    + " directory to start anew");
        }
    }

    /** Temporaries of a killed run. */
    private void removeStrays() throws IOException {
        Set<Path> expected = new HashSet<>();
        for (PartOwner owner : layout.owners()) {
            expected.add(partsFile(owner));
            expected.add(recordFile(owner));
        }
        try (Stream<Path> paths = Files.list(work.path().resolve(MATRICES))) {
            for (Path path : paths.filter(p -> !expected.contains(p)).toList()) {
                WorkDirectory.deleteTree(path);
            }
        }
    }

    private Path partsFile(PartOwner owner) {
        return work.path().resolve(MATRICES).resolve(indices.get(owner.owner()) + ".safetensors");
    }

    private Path recordFile(PartOwner owner) {
        return work.path().resolve(MATRICES).resolve(indices.get(owner.owner()) + ".json");
    }

    private MatrixEntry entry(String name) {
        Integer index = indices.get(name);
        if (index == null || index >= layout.matrices().size()) {
            throw new IllegalArgumentException(name + " is not a matrix of this job");
        }
        return layout.matrices().get(index);
    }

    private SharedParts set(String id) {
        return layout.shared().stream()
                .filter(set -> set.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("nothing is shared as " + id + " in this job"));
    }

    /** Whether the output stands already, written by this very job; then only {@link #finish} is left to be called. */
    public boolean isPublished() {
        return published;
    }

    /**
     * Folders whose bytes the disk need not find room for again: finished matrices and shared sets, and what a run that was killed while it put the
     * output together left of that. Only those that are there; files that the job keeps for itself are in none.
     */
    public List<Path> stored() {
        return Stream.of(MATRICES, OUTPUT)
                .map(work.path()::resolve)
                .filter(Files::exists)
                .toList();
    }

    /**
     * Whether a matrix is finished, in this run or an earlier one. What an earlier run left is believed only when all its
     * digests hold; otherwise it is removed and the answer is no.
     */
    public boolean has(String name) {
        return has(entry(name));
    }

    /** Whether a set of shared parts is finished, as {@link #has} for matrices. */
    public boolean hasShared(String id) {
        return has(set(id));
    }

    private boolean has(PartOwner owner) {
        if (published || finished.containsKey(owner.owner())) {
            return true;
        }
        try {
            Optional<FinishedMatrix> record = FinishedMatrix.read(recordFile(owner));
            if (record.isPresent() && holds(owner, record.get())) {
                finished.put(owner.owner(), record.get());
                return true;
            }
            Files.deleteIfExists(recordFile(owner));
            Files.deleteIfExists(partsFile(owner));
            return false;
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read what is in " + work.path() + ": " + e, e);
        }
    }

    private boolean holds(PartOwner owner, FinishedMatrix record) {
        if (!record.fingerprint().equals(fingerprint)
                || !record.name().equals(owner.owner())
                || !Files.isRegularFile(partsFile(owner))) {
            return false;
        }
        try (Arena arena = Arena.ofShared();
                SafetensorsFile file = SafetensorsFile.open(partsFile(owner), Limits.defaults())) {
            return digests(parts(owner, file, arena)).equals(record.digests());
        } catch (MalformedFileException e) {
            return false;
        }
    }

    /** The parts in the order of the representation, mapped; what does not fit the layout is the file's fault. */
    private static List<Part> parts(PartOwner owner, SafetensorsFile file, Arena arena) {
        List<Part> parts = new ArrayList<>();
        for (PartEntry part : owner.parts()) {
            TensorInfo tensor = file.byName().get(part.name());
            if (tensor == null
                    || tensor.type() != part.type()
                    || !tensor.shape().equals(part.shape())) {
                throw new MalformedFileException(
                        file.path(),
                        -1,
                        MalformedFileException.Reason.DAMAGED,
                        "part " + part.name() + " is not there");
            }
            parts.add(new Part(part.name(), part.type(), part.shape(), file.map(part.name(), arena)));
        }
        return parts;
    }

    private static List<String> digests(List<Part> parts) {
        return parts.stream().map(part -> Digest.sha256(part.bytes())).toList();
    }

    /**
     * Stores a set of shared parts, before the matrices that use it. When this returns, it survives any crash.
     *
     * @param parts those of the set, in its order
     */
    public void share(String id, List<Part> parts) {
        SharedParts set = set(id);
        requirePlanned(set.owner(), set.parts(), parts);
        record(set, parts, written -> Optional.empty());
    }

    /**
     * Reads a finished set of shared parts.
     *
     * @param reading is given the parts, which are valid during the call
     */
    public <T> T shared(String id, Function<List<Part>, T> reading) {
        SharedParts set = set(id);
        if (published || !has(set)) {
            throw new IllegalStateException(set.owner() + " is not in the work directory");
        }
        try (Arena arena = Arena.ofShared();
                SafetensorsFile file = SafetensorsFile.open(partsFile(set), Limits.defaults())) {
            return reading.apply(parts(set, file, arena));
        }
    }

    /**
     * Stores a matrix, reads it back and measures what it lost. When this returns, the matrix survives any crash.
     *
     * @param matrix in the format and shape of its choice, its shared parts equal to those stored; not modified
     * @param weights what it stands for, rows x columns; not modified
     * @return the error of the bytes on disk
     */
    public MeasuredError add(
            String name, QuantizedMatrix matrix, FloatMatrix weights, Importance importance, Workers workers) {
        store(name, matrix, stored -> Optional.of(MeasuredError.of(weights, stored, importance, workers)));
        return finished.get(name).error().orElseThrow();
    }

    /**
     * Stores a matrix whose error cannot be measured here. When this returns, the matrix survives any crash.
     *
     * @param matrix in the format and shape of its choice, its shared parts equal to those stored; not modified
     * @param error of these very parts, measured before; empty when nobody knows it
     */
    public void keep(String name, QuantizedMatrix matrix, Optional<MeasuredError> error) {
        store(name, matrix, stored -> error);
    }

    private void store(
            String name, QuantizedMatrix matrix, Function<QuantizedMatrix, Optional<MeasuredError>> measure) {
        MatrixEntry entry = entry(name);
        requireAsPlanned(entry, matrix);
        List<String> own = entry.parts().stream().map(PartEntry::name).toList();
        List<Part> parts = matrix.parts().stream()
                .filter(part -> own.contains(part.name()))
                .toList();
        requirePlanned(name, entry.parts(), parts);
        entry.shared().ifPresent(use -> requireShared(name, use.id(), matrix));
        record(entry, parts, written -> withShared(entry, written, measure));
    }

    /** Stores parts and then their record. */
    private void record(PartOwner owner, List<Part> parts, Function<List<Part>, Optional<MeasuredError>> measure) {
        List<SafetensorsWriter.Entry> entries = owner.parts().stream()
                .map(part -> new SafetensorsWriter.Entry(part.name(), part.type(), part.shape()))
                .toList();
        try (SafetensorsWriter writer = SafetensorsWriter.create(partsFile(owner), Map.of(), entries)) {
            parts.forEach(part -> writer.write(part.bytes()));
            writer.finish();
        }
        try (Arena arena = Arena.ofShared();
                SafetensorsFile file = SafetensorsFile.open(partsFile(owner), Limits.defaults())) {
            List<Part> written = parts(owner, file, arena);
            FinishedMatrix record =
                    new FinishedMatrix(fingerprint, owner.owner(), measure.apply(written), digests(written));
            AtomicOutput.write(recordFile(owner), stream -> stream.write(record.encode()));
            finished.put(owner.owner(), record);
        }
    }

    /** Opens a matrix from its own parts and those that it shares, for the time of a call. */
    private <T> T withShared(MatrixEntry entry, List<Part> own, Function<QuantizedMatrix, T> reading) {
        return entry.shared().isEmpty()
                ? reading.apply(matrix(entry, own))
                : shared(entry.shared().get().id(), common -> {
                    List<Part> all = new ArrayList<>(own);
                    all.addAll(common);
                    return reading.apply(matrix(entry, all));
                });
    }

    private void requireShared(String name, String id, QuantizedMatrix matrix) {
        boolean same = shared(
                id,
                common -> common.stream()
                        .allMatch(part -> matrix.parts().stream()
                                .anyMatch(other -> other.name().equals(part.name())
                                        && other.bytes().mismatch(part.bytes()) < 0)));
        if (!same) {
            throw new IllegalArgumentException(name + " has other shared parts than those stored as " + id);
        }
    }

    private static void requireAsPlanned(MatrixEntry entry, QuantizedMatrix matrix) {
        if (!matrix.format().equals(entry.format())
                || matrix.rows() != entry.rows()
                || matrix.columns() != entry.columns()
                || matrix.rank() != entry.rank()) {
            throw new IllegalArgumentException(
                    entry.name() + ": planned as " + entry.format() + " of " + entry.rows() + " x " + entry.columns()
                            + ", got " + matrix.format() + " of " + matrix.rows() + " x " + matrix.columns());
        }
    }

    private static void requirePlanned(String owner, List<PartEntry> planned, List<Part> parts) {
        boolean same = parts.size() == planned.size();
        for (int i = 0; same && i < parts.size(); i++) {
            Part part = parts.get(i);
            PartEntry entry = planned.get(i);
            same = part.name().equals(entry.name())
                    && part.type() == entry.type()
                    && part.shape().equals(entry.shape());
        }
        if (!same) {
            throw new IllegalArgumentException(owner + ": planned are the parts " + planned + ", got " + parts);
        }
    }

    /**
     * Reads a finished matrix back from the bytes that were written, before {@link #finish} moves them.
     *
     * @param reading is given the matrix, which is valid during the call
     */
    public <T> T stored(String name, Function<QuantizedMatrix, T> reading) {
        if (published || !has(name)) {
            throw new IllegalStateException(name + " is not among the finished matrices of the work directory");
        }
        MatrixEntry entry = entry(name);
        try (Arena arena = Arena.ofShared();
                SafetensorsFile file = SafetensorsFile.open(partsFile(entry), Limits.defaults())) {
            return withShared(entry, parts(entry, file, arena), reading);
        }
    }

    private static QuantizedMatrix matrix(MatrixEntry entry, List<Part> written) {
        Map<String, Part> byName = new LinkedHashMap<>();
        written.forEach(part -> byName.put(part.name(), part));
        return MatrixFormats.read(entry.format(), entry.rows(), entry.columns(), byName);
    }

    /** The measured error of a finished matrix of this job; empty when it was kept without one. */
    public Optional<MeasuredError> error(String name) {
        if (!has(name)) {
            throw new IllegalStateException(name + " is not finished");
        }
        return finished.get(name).error();
    }

    /**
     * Puts the output together and makes it appear; then removes the work directory's contents.
     *
     * @param progress is told, now and then, how many bytes of {@link ModelLayout#outputBytes} are in place; when it throws,
     *     nothing has appeared and a later run can finish
     * @return the manifest as written
     * @throws IllegalStateException when a matrix is missing
     */
    public Manifest finish(LongConsumer progress) {
        if (!published) {
            for (PartOwner owner : layout.owners()) {
                if (!has(owner)) {
                    throw new IllegalStateException(owner.owner() + " is missing");
                }
            }
            Path output = work.path().resolve(OUTPUT);
            try {
                WorkDirectory.deleteTree(output);
                Files.createDirectory(output);
            } catch (IOException e) {
                throw new UncheckedIOException("cannot work in " + output + ": " + e, e);
            }
            new OutputAssembler(layout, fingerprint, output, progress).assemble(finished, this::partsFile);
            work.publish(output);
        }
        Manifest manifest = Manifest.read(work.output());
        work.clear();
        return manifest;
    }

    /** As {@link #finish(LongConsumer)}, unwatched. */
    public Manifest finish() {
        return finish(bytes -> {});
    }

    /** Ends the use; what is not finished stays for a later run. */
    @Override
    public void close() {
        finished.clear();
    }
}
