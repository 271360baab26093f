package dev.lowbit.store;

import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.SafetensorsFile;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/**
 * Looks at every byte of a compressed model: sizes and digests of all files, tensors and parts, the manifest's own digest,
 * the set of files and of tensors, and that every matrix can be opened and gives finite weights. All faults are reported in
 * one run. The only file that may lie beside the listed ones is {@value #REPORT}, which no digest can cover because it holds
 * times.
 */
public final class Verifier {
    private static final String REPORT = "report.html";
    private static final int SAMPLE_ROWS = 16;

    private final Path directory;
    private final Set<Finding> findings = new LinkedHashSet<>();

    private Verifier(Path directory) {
        this.directory = directory;
    }

    /**
     * Verifies a directory.
     *
     * @return what is wrong, empty when nothing is
     * @throws UnsupportedModelException when a newer Lowbit wrote it and every digest up to there holds
     * @throws UncheckedIOException when something cannot be read
     */
    public static List<Finding> verify(Path directory) {
        Verifier verifier = new Verifier(directory);
        verifier.verify();
        return List.copyOf(verifier.findings);
    }

    private void verify() {
        if (!Manifest.isIn(directory)) {
            report(Manifest.FILE, "is missing; this is no compressed model, or a damaged one");
            return;
        }
        if (!Files.isRegularFile(directory.resolve(Manifest.DIGEST_FILE))) {
            report(Manifest.DIGEST_FILE, "is missing");
        } else if (!CompressedModel.holdsDigest(directory)) {
            report(Manifest.FILE, "does not have the digest in " + Manifest.DIGEST_FILE);
        }
        Manifest manifest;
        try {
            manifest = Manifest.read(directory);
        } catch (MalformedFileException e) {
            report(Manifest.FILE, e.detail());
            return;
        } catch (UnsupportedModelException e) {
            reportDamage(Manifest.FILE, e);
            return;
        }
        verifyFiles(manifest);
        verifyMatrices();
    }

    /** A file whose digest does not hold says nothing about what program wrote it: a flipped version is damage. */
    private void reportDamage(String file, UnsupportedModelException e) {
        if (findings.isEmpty()) {
            throw e;
        }
        report(file, e.getMessage());
    }

    private void report(String file, String problem) {
        findings.add(new Finding(file, problem));
    }

    private void verifyFiles(Manifest manifest) {
        Map<String, Map<String, String>> expected = tensorDigests(manifest);
        Set<String> known = new HashSet<>(Set.of(Manifest.FILE, Manifest.DIGEST_FILE, REPORT));
        for (FileEntry file : manifest.files()) {
            known.add(file.name());
            Path path = directory.resolve(file.name());
            if (!Files.isRegularFile(path)) {
                report(file.name(), "is missing");
            } else {
                verifyFile(file, path, expected.get(file.name()));
            }
        }
        try {
            reportStrays(known);
        } catch (IOException e) {
            throw new UncheckedIOException("cannot read " + directory + ": " + e, e);
        }
    }

    private void reportStrays(Set<String> known) throws IOException {
        // a walk does not enter a link that it begins at
        Path root = directory.toRealPath();
        try (Stream<Path> paths = Files.walk(root)) {
            paths.filter(path -> !Files.isDirectory(path))
                    .map(path -> root.relativize(path).toString().replace('\\', '/'))
                    .filter(name -> !known.contains(name))
                    .sorted()
                    .forEach(name -> report(name, "is not listed in the manifest"));
        }
    }

    /** Digest by tensor by weight file. */
    private static Map<String, Map<String, String>> tensorDigests(Manifest manifest) {
        Map<String, Map<String, String>> digests = new HashMap<>();
        for (PartOwner owner : manifest.owners()) {
            Map<String, String> ofFile = digests.computeIfAbsent(owner.file(), file -> new HashMap<>());
            owner.parts().forEach(part -> ofFile.put(owner.tensorName(part), part.sha256()));
        }
        for (TensorEntry tensor : manifest.tensors()) {
            digests.computeIfAbsent(tensor.file(), file -> new HashMap<>()).put(tensor.name(), tensor.sha256());
        }
        return digests;
    }

    private void verifyFile(FileEntry file, Path path, Map<String, String> tensors) {
        DigestedFile found = DigestedFile.of(path, tensors == null ? List.of() : tensorsIn(file, path));
        if (found.bytes() != file.bytes()) {
            report(file.name(), "has " + found.bytes() + " bytes, the manifest says " + file.bytes());
        } else if (!found.sha256().equals(file.sha256())) {
            report(file.name(), "was altered: its SHA-256 is not the manifest's");
        }
        found.tensors().forEach((name, digest) -> {
            if (!digest.equals(tensors.get(name))) {
                report(file.name(), "tensor " + name + " was altered: its SHA-256 is not the manifest's");
            }
        });
    }

    private List<TensorInfo> tensorsIn(FileEntry file, Path path) {
        try (SafetensorsFile header = SafetensorsFile.open(path, Limits.defaults())) {
            return header.tensors();
        } catch (MalformedFileException e) {
            report(file.name(), e.detail());
            return List.of();
        }
    }

    private void verifyMatrices() {
        try (CompressedModel model = CompressedModel.openUnchecked(directory)) {
            for (String name : model.names()) {
                verifyMatrix(model, name);
            }
        } catch (MalformedFileException e) {
            e.problems().forEach(problem -> report(nameOf(problem.file()), problem.detail()));
        } catch (UnsupportedModelException e) {
            reportDamage(Manifest.FILE, e);
        }
    }

    private String nameOf(Path file) {
        return file.startsWith(directory) ? directory.relativize(file).toString() : file.toString();
    }

    private void verifyMatrix(CompressedModel model, String name) {
        MatrixEntry entry = model.entry(name);
        try (Arena arena = Arena.ofConfined()) {
            QuantizedMatrix matrix = model.matrix(name, arena);
            long bytes = model.bytesOfParts(name);
            if (matrix.bytes() != bytes || matrix.rank() != entry.rank()) {
                report(
                        entry.file(),
                        name + " has " + matrix.bytes() + " bytes and rank " + matrix.rank() + ", the manifest says "
                                + bytes + " and " + entry.rank());
            }
            int rows = Math.min(SAMPLE_ROWS, matrix.rows());
            if (!isFinite(matrix, 0, rows) || !isFinite(matrix, matrix.rows() - rows, rows)) {
                report(entry.file(), name + " gives weights that are not finite");
            }
        } catch (MalformedFileException e) {
            report(entry.file(), e.detail());
        }
    }

    private static boolean isFinite(QuantizedMatrix matrix, int from, int rows) {
        try (FloatMatrix restored = FloatMatrix.allocate(rows, matrix.columns())) {
            matrix.dequantize(from, restored, Workers.serial());
            for (int i = 0; i < rows; i++) {
                for (int j = 0; j < matrix.columns(); j++) {
                    if (!Float.isFinite(restored.get(i, j))) {
                        return false;
                    }
                }
            }
            return true;
        }
    }
}
