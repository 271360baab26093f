package dev.lowbit.jobs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;

/** Turns a failure into the one line that stands on stderr. */
final class FailureMessage {
    private FailureMessage() {}

    /** One line, whatever the failure holds: what was given, what is needed, what to do. */
    static String of(Throwable failure) {
        Throwable root = ExitCodes.root(failure);
        if (root instanceof OutOfMemoryError) {
            return "out of memory (" + oneLine(root.getMessage()) + "); give more with --memory, or fewer --threads";
        }
        if (ExitCodes.isLostMapping(root)) {
            return "a file changed while it was read: it was truncated; run again when nothing writes to the input";
        }
        return switch (ExitCodes.of(root)) {
            case ExitCodes.BUG -> "internal error, please report it with the output of --debug: " + oneLine(root);
            case ExitCodes.IO -> ofIo((IOException) root, failure);
            case ExitCodes.INTERRUPTED -> "interrupted";
            default -> oneLine(root.getMessage());
        };
    }

    /** The file system exceptions of the JDK often carry nothing but a path. */
    private static String ofIo(IOException e, Throwable outer) {
        // who wrapped it often knows the path; the bare cause does not
        boolean wrapped =
                outer instanceof UncheckedIOException && !outer.getMessage().equals(e.toString());
        String detail =
                oneLine(wrapped ? outer.getMessage() : e.getMessage()).replaceAll("\\bjava(\\.\\w+)+Exception: ", "");
        String lower = detail.toLowerCase(Locale.ROOT);
        if (lower.contains("no space left") || lower.contains("quota exceeded")) {
            return "disk full: " + detail + "; free space or choose another directory, then run the command again";
        }
        return switch (e) {
            case NoSuchFileException f -> "no such file or directory: " + f.getFile();
            case AccessDeniedException f -> "permission denied: " + f.getFile();
            case FileAlreadyExistsException f -> "already exists: " + f.getFile();
            case NotDirectoryException f -> "not a directory: " + f.getFile();
            case DirectoryNotEmptyException f -> "directory is not empty: " + f.getFile();
            case FileSystemException f -> detail;
            default -> "input/output error: " + detail;
        };
    }

    private static String oneLine(Throwable failure) {
        String message = failure.getMessage();
        return failure.getClass().getName() + (message == null ? "" : ": " + oneLine(message));
    }

    static String oneLine(String text) {
        return text == null ? "no details" : text.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}
