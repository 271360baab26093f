package dev.lowbit.jobs;

import dev.lowbit.error.InvalidRequestException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where the page for people goes. */
public final class ReportOptions {
    @Option(
            names = "--report",
            paramLabel = "FILE.html",
            description = "Write the result as one HTML page that needs no network.")
    private Path report;

    /**
     * Refuses before the work what could not be written after it.
     *
     * @param output the directory that the command makes, where a report may go too
     */
    public void requireWritable(Path output) {
        if (report == null) {
            return;
        }
        Path folder = report.toAbsolutePath().normalize().getParent();
        boolean inOutput =
                folder != null && folder.equals(output.toAbsolutePath().normalize());
        if (inOutput && !report.getFileName().toString().equals("report.html")) {
            throw InvalidRequestException.usage(
                    "--report " + report + ": inside the output only report.html is allowed,"
                            + " because verify refuses files that the manifest does not list");
        }
        if (!inOutput && (folder == null || !Files.isDirectory(folder) || Files.isDirectory(report))) {
            throw InvalidRequestException.usage("--report " + report + ": a file in an existing directory is needed");
        }
    }

    /** The file asked for. */
    public Optional<Path> report() {
        return Optional.ofNullable(report);
    }
}
