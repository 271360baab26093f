package dev.lowbit.jobs;

import dev.lowbit.error.InvalidRequestException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
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
     * Refuses before the work what could not or should not be written after it.
     *
     * @param input must not hold it
     * @param output the directory that the command makes, where a report may go too
     * @param sized whether the size of that directory was asked for, which a page of unknown length would exceed
     * @param resume whether it may be there from the run that is gone on with
     */
    public void requireWritable(Path input, Path output, boolean sized, boolean resume) {
        if (report == null) {
            return;
        }
        if (!report.toString().endsWith(".html")) {
            throw InvalidRequestException.usage("--report " + report + ": the page is HTML; name it .html");
        }
        OutputDirectory.requireOutside(input, report);
        Path folder = report.toAbsolutePath().normalize().getParent();
        boolean inOutput =
                folder != null && folder.equals(output.toAbsolutePath().normalize());
        if (inOutput && !report.getFileName().toString().equals("report.html")) {
            throw InvalidRequestException.usage(
                    "--report " + report + ": inside the output only report.html is allowed,"
                            + " because verify refuses files that the manifest does not list");
        }
        if (inOutput && sized) {
            throw InvalidRequestException.usage("--report " + report
                    + ": inside the output its bytes would count for --size; put it beside the output");
        }
        if (!resume && Files.exists(report, LinkOption.NOFOLLOW_LINKS) && !Files.isDirectory(report)) {
            throw InvalidRequestException.impossible(
                    "--report " + report + " exists; nothing is overwritten: give another name, or remove it");
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
