package dev.lowbit.cuda.compile;

import dev.lowbit.checkpoint.Digest;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * Compiled kernels on disk, so that each is compiled once on a machine. A file is named by everything that decides its content (source, target, options, version of the compiler) and ends with
 * the SHA-256 of what is before; one that does not fit is as good as none. Files appear whole. A cache that cannot be written is a cache that stays empty.
 */
public final class CubinCache {
    private static final int DIGEST_BYTES = 32;

    private final Path folder;

    /** @param folder made when the first file is written */
    public CubinCache(Path folder) {
        this.folder = folder;
    }

    /** The cache of the user who runs this program. */
    public static CubinCache ofUser() {
        return new CubinCache(userCache().resolve("lowbit").resolve("cuda"));
    }

    private static Path userCache() {
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        String home = System.getProperty("user.home");
        String windows = System.getenv("LOCALAPPDATA");
        String xdg = System.getenv("XDG_CACHE_HOME");
        if (system.startsWith("windows") && windows != null) {
            return Path.of(windows);
        }
        return xdg != null && !xdg.isEmpty() ? Path.of(xdg) : Path.of(home, ".cache");
    }

    /** The compiled form that was stored for this source, target and compiler; empty when there is none, or a damaged one. */
    public Optional<byte[]> read(KernelSource source, Target target, String compilerVersion) {
        try {
            byte[] content = Files.readAllBytes(file(source, target, compilerVersion));
            int length = content.length - DIGEST_BYTES;
            if (length < 0) {
                return Optional.empty();
            }
            byte[] image = Arrays.copyOf(content, length);
            boolean whole = MessageDigest.isEqual(
                    Digest.sha256().digest(image), Arrays.copyOfRange(content, length, content.length));
            return whole ? Optional.of(image) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    /** Stores a compiled form, in place of one that is there. */
    public void write(KernelSource source, Target target, String compilerVersion, byte[] image) {
        Path made = null;
        try {
            Files.createDirectories(folder);
            made = Files.createTempFile(folder, "new", ".tmp");
            byte[] content = Arrays.copyOf(image, image.length + DIGEST_BYTES);
            System.arraycopy(Digest.sha256().digest(image), 0, content, image.length, DIGEST_BYTES);
            Files.write(made, content);
            Files.move(
                    made,
                    file(source, target, compilerVersion),
                    StandardCopyOption.ATOMIC_MOVE,
                    StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            // The kernels work without: they are compiled again next time.
            discard(made);
        }
    }

    private static void discard(Path made) {
        try {
            if (made != null) {
                Files.deleteIfExists(made);
            }
        } catch (IOException e) {
            // Left in the cache's folder, where a user may delete everything at any time.
        }
    }

    private Path file(KernelSource source, Target target, String compilerVersion) {
        String key = source.digests() + " " + target + " " + target.options() + " " + compilerVersion;
        return folder.resolve(Digest.sha256(key.getBytes(StandardCharsets.UTF_8)));
    }
}
