package dev.lowbit.store;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.checkpoint.Limits;
import dev.lowbit.checkpoint.StrictJson;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The journal's record of one finished matrix: written after its parts, so that its presence means they are complete. Its
 * last line is the digest of the text before it.
 *
 * @param fingerprint of the job that made it
 * @param name the matrix
 * @param error measured on the bytes written; empty when unknown
 * @param digests SHA-256 of each part, in the order of the representation
 */
record FinishedMatrix(String fingerprint, String name, Optional<MeasuredError> error, List<String> digests) {
    private static final int DIGEST_LINE = 65;

    FinishedMatrix {
        digests = List.copyOf(digests);
    }

    byte[] encode() {
        Json json = new Json().open('{');
        json.key("fingerprint").string(fingerprint);
        json.key("name").string(name);
        error.ifPresent(measured -> {
            json.key("squaredError").measured(measured.squaredError());
            json.key("squaredNorm").measured(measured.squaredNorm());
            json.key("weightedError").measured(measured.weightedError());
        });
        json.key("parts").open('[');
        digests.forEach(digest -> json.next().string(digest));
        return withDigest(json.close(']').close('}').bytes());
    }

    /** The record in a file; empty when there is none, or none that is whole. */
    static Optional<FinishedMatrix> read(Path file) throws IOException {
        if (!Files.isRegularFile(file) || Files.size(file) > Limits.defaults().maxConfigBytes()) {
            return Optional.empty();
        }
        byte[] bytes = Files.readAllBytes(file);
        byte[] text = Arrays.copyOf(bytes, Math.max(0, bytes.length - DIGEST_LINE));
        if (!Arrays.equals(bytes, withDigest(text))) {
            return Optional.empty();
        }
        JsonFields fields = new JsonFields(file, "", StrictJson.parseObject(file, text, Limits.defaults()));
        return Optional.of(new FinishedMatrix(
                fields.digest("fingerprint"), fields.string("name"), fields.error(), fields.digests("parts")));
    }

    private static byte[] withDigest(byte[] text) {
        ByteArrayOutputStream all = new ByteArrayOutputStream();
        all.writeBytes(text);
        all.writeBytes((Digest.sha256(text) + "\n").getBytes(StandardCharsets.US_ASCII));
        return all.toByteArray();
    }
}
