package dev.lowbit.store;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What {@code lowbit.json} says about a compressed model: how it was made, and size and digest of everything in it.
 * docs/formats/model.md is its definition. It holds nothing that two runs of the same job could disagree about.
 *
 * @param version version of the file format
 * @param job what was asked
 * @param sourceDigest digest of the source's weights and configuration
 * @param fingerprint digest of job, source and choices: equal for two runs that must give the same bytes
 * @param shared parts that several matrices have in common
 * @param matrices the compressed matrices, in the order of the job
 * @param tensors every other tensor
 * @param files every file but the manifest itself and its digest, sorted by name
 */
public record Manifest(
        int version,
        CompressionJob job,
        String sourceDigest,
        String fingerprint,
        List<SharedParts> shared,
        List<MatrixEntry> matrices,
        List<TensorEntry> tensors,
        List<FileEntry> files) {
    /** The newest version of the format, written where parts are shared; models without such are of version 1 as ever. */
    public static final int VERSION = 2;

    /** The manifest's file name. */
    public static final String FILE = "lowbit.json";

    /** The file that holds the manifest's digest, in the form of {@code sha256sum}. */
    public static final String DIGEST_FILE = "lowbit.json.sha256";

    public Manifest {
        shared = List.copyOf(shared);
        matrices = List.copyOf(matrices);
        tensors = List.copyOf(tensors);
        files = List.copyOf(files);
    }

    /** Reads and checks the manifest of a compressed model, without looking at anything it lists. */
    public static Manifest read(Path directory) {
        return ManifestParser.parse(directory.resolve(FILE));
    }

    /** Whether a directory claims to be a compressed model. */
    public static boolean isIn(Path directory) {
        return Files.isRegularFile(directory.resolve(FILE));
    }

    /** Weights of all compressed matrices. */
    public long weights() {
        return matrices.stream().mapToLong(MatrixEntry::weights).sum();
    }

    /** Stored bytes of all parts, shared ones once. */
    public long bytes() {
        return matrices.stream().mapToLong(MatrixEntry::bytes).sum();
    }

    /** 8 * bytes / weights; 0 when nothing is compressed. */
    public double bitsPerWeight() {
        return weights() == 0 ? 0 : 8.0 * bytes() / weights();
    }

    /** Whoever owns parts: the matrices, then the shared sets. */
    List<PartOwner> owners() {
        List<PartOwner> owners = new ArrayList<>(matrices);
        owners.addAll(shared);
        return owners;
    }

    /** Every stored part by the name of its tensor, in the order of {@link #owners}. */
    public Map<String, PartEntry> partsByTensor() {
        Map<String, PartEntry> parts = new LinkedHashMap<>();
        owners().forEach(owner -> owner.parts().forEach(part -> parts.put(owner.tensorName(part), part)));
        return parts;
    }

    /** The tensor of each part of a matrix, those that it shares included, by the part's name. */
    public Map<String, String> tensorsOf(MatrixEntry matrix) {
        Map<String, String> tensors = new LinkedHashMap<>();
        ownersOf(matrix)
                .forEach(owner -> owner.parts().forEach(part -> tensors.put(part.name(), owner.tensorName(part))));
        return tensors;
    }

    /** Who owns the parts of a matrix: itself, and the set it shares. */
    List<PartOwner> ownersOf(MatrixEntry matrix) {
        List<PartOwner> owners = new ArrayList<>(List.of(matrix));
        shared.stream()
                .filter(set ->
                        matrix.shared().filter(use -> use.id().equals(set.id())).isPresent())
                .forEach(owners::add);
        return owners;
    }

    /** The errors of all compressed matrices together; empty when one of them is unknown. */
    public Optional<MeasuredError> error() {
        Optional<MeasuredError> sum = Optional.of(new MeasuredError(0, 0, 0));
        for (MatrixEntry matrix : matrices) {
            sum = sum.flatMap(so -> matrix.error().map(so::plus));
        }
        return sum;
    }

    /** The manifest as it is written. */
    public byte[] toJson() {
        return ManifestText.of(this);
    }

    /** The contents of the digest file that belongs to a manifest's bytes; as long as any other. */
    static String digestLine(String sha256) {
        return sha256 + "  " + FILE + "\n";
    }
}
