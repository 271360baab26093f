package dev.lowbit.jobs;

import dev.lowbit.error.InvalidRequestException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;

/** A file that a job writes: what can be said against it before the work. */
public final class OutputFile {
    private static final String EXTENSION = ".safetensors";

    private OutputFile() {}

    /**
     * Checks name and place of a .safetensors file.
     *
     * @param what the file is, for messages
     * @throws InvalidRequestException usage, when it has another extension; impossible, when it exists
     * @throws UncheckedIOException when its folder cannot take it
     */
    public static void requireNew(Path file, String what) {
        if (!file.toString().endsWith(EXTENSION)) {
            throw InvalidRequestException.usage(
                    "--out " + file + ": " + what + " is a " + EXTENSION + " file; name it so");
        }
        if (Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
            throw InvalidRequestException.impossible("output " + file + " exists; choose another name, or remove it");
        }
        requireFolder(file, "--out");
    }

    /**
     * Checks the place of a file.
     *
     * @param option that named it, for messages
     * @throws UncheckedIOException when its folder cannot take it
     */
    public static void requireFolder(Path file, String option) {
        Path folder = file.toAbsolutePath().normalize().getParent();
        if (folder == null || !Files.isDirectory(folder)) {
            throw unwritable(file, folder + " is no directory", option);
        }
        if (!Files.isWritable(folder)) {
            throw unwritable(file, folder + " is not writable", option);
        }
    }

    private static UncheckedIOException unwritable(Path file, String why, String option) {
        String message = "cannot write " + file + ": " + why + "; make it, or give another " + option;
        return new UncheckedIOException(message, new IOException(message));
    }
}
