package dev.lowbit.store;

import java.util.List;

/** Writes a manifest. Its length depends on names, shapes, formats and options only, never on measured numbers. */
final class ManifestText {
    private ManifestText() {}

    static byte[] of(Manifest manifest) {
        Json json = new Json().open('{');
        json.key("format").string("lowbit");
        json.key("version").number(manifest.version());
        json.key("fingerprint").string(manifest.fingerprint());
        json.key("source")
                .openInline('{')
                .key("sha256")
                .string(manifest.sourceDigest())
                .close('}');
        job(json.key("job"), manifest.job());
        if (!manifest.shared().isEmpty()) {
            json.key("shared").open('[');
            manifest.shared().forEach(set -> shared(json.next(), set));
            json.close(']');
        }
        json.key("matrices").open('[');
        manifest.matrices().forEach(matrix -> matrix(json.next(), matrix));
        json.close(']').key("tensors").open('[');
        for (TensorEntry tensor : manifest.tensors()) {
            json.next().openInline('{');
            json.key("name").string(tensor.name());
            json.key("file").string(tensor.file());
            json.key("sha256").string(tensor.sha256()).close('}');
        }
        json.close(']').key("files").open('[');
        for (FileEntry file : manifest.files()) {
            json.next().openInline('{');
            json.key("name").string(file.name());
            json.key("bytes").number(file.bytes());
            json.key("sha256").string(file.sha256()).close('}');
        }
        return json.close(']').close('}').bytes();
    }

    private static void job(Json json, CompressionJob job) {
        json.open('{');
        json.key("software").string(job.software());
        json.key("method").string(job.method());
        json.key("seed").number(job.seed());
        json.key("budgetBytes").number(job.budgetBytes());
        json.key("objective").measured(job.objective());
        json.key("bound").measured(job.bound());
        json.key("options").open('{');
        job.options().forEach((name, value) -> json.key(name).string(value));
        json.close('}').close('}');
    }

    private static void matrix(Json json, MatrixEntry matrix) {
        json.open('{');
        json.key("name").string(matrix.name());
        json.key("file").string(matrix.file());
        json.key("rows").number(matrix.rows());
        json.key("columns").number(matrix.columns());
        json.key("transposed").bool(matrix.transposed());
        json.key("sourceType").string(matrix.sourceType().safetensorsName());
        json.key("method").string(matrix.method());
        json.key("format").string(matrix.format());
        json.key("rank").number(matrix.rank());
        json.key("bytes").number(matrix.bytes());
        matrix.error().ifPresent(error -> {
            json.key("relativeError").measured(error.relativeError());
            json.key("squaredError").measured(error.squaredError());
            json.key("squaredNorm").measured(error.squaredNorm());
            json.key("weightedError").measured(error.weightedError());
        });
        matrix.shared().ifPresent(set -> json.key("shared").string(set.id()));
        parts(json, matrix.parts());
        json.close('}');
    }

    private static void shared(Json json, SharedParts set) {
        json.open('{');
        json.key("id").string(set.id());
        json.key("file").string(set.file());
        json.key("bytes").number(set.bytes());
        parts(json, set.parts());
        json.close('}');
    }

    private static void parts(Json json, List<PartEntry> parts) {
        json.key("parts").open('[');
        for (PartEntry part : parts) {
            json.next().openInline('{');
            json.key("name").string(part.name());
            json.key("type").string(part.type().safetensorsName());
            json.key("shape").open('[');
            part.shape().forEach(dimension -> json.next().number(dimension));
            json.close(']');
            json.key("bytes").number(part.bytes());
            json.key("sha256").string(part.sha256()).close('}');
        }
        json.close(']');
    }
}
