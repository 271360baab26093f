package dev.lowbit.jobs.update;

import java.nio.file.Files;
import java.nio.file.Path;

/** Folders that hold an update which import reads: one that {@code export --to compeft} wrote, or an adapter as it is. */
public final class UpdateFolder {
    /** What a compressed update is called. */
    static final String FILE = "update.compeft";

    private UpdateFolder() {}

    /** Whether a folder holds an update. */
    public static boolean isIn(Path path) {
        return isCompressed(path) || AdapterFolder.isIn(path);
    }

    static boolean isCompressed(Path path) {
        return Files.isRegularFile(path.resolve(FILE));
    }
}
