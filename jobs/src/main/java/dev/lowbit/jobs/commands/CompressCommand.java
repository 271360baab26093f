package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.ReportOptions;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.compress.CompressJob;
import dev.lowbit.jobs.compress.JobRequest;
import dev.lowbit.jobs.compress.JobResult;
import dev.lowbit.jobs.compress.ResultTable;
import dev.lowbit.jobs.report.HtmlReport;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code lowbit compress}: the main job. */
@Command(
        name = "compress",
        description = "Compress a model to an exact budget and measure the error on the bytes written.")
public final class CompressCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(paramLabel = "MODEL", description = "Folder, .safetensors file, or shard index.")
    private Path model;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Directory to create.")
    private Path output;

    @Option(names = "--resume", description = "Go on with this job where it was stopped.")
    private boolean resume;

    @Mixin
    private MethodOptions methodOptions;

    @Mixin
    private RunOptions runOptions;

    @Mixin
    private ReportOptions reportOptions;

    public CompressCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        JobRequest request = JobRequest.of(model, methodOptions, runOptions);
        console.interruptHint("run the same command with --resume to continue");
        reportOptions.requireWritable(
                model, output, request.budget() instanceof MethodOptions.Budget.OutputBytes, resume);
        JobResult result;
        try (WorkerPool pool = runOptions.openWorkers()) {
            result = CompressJob.run(request, output, resume, pool.workers(), console.progress(runOptions));
        }
        reportOptions
                .report()
                .ifPresent(file -> HtmlReport.write(
                        file,
                        result,
                        model.toAbsolutePath().normalize().getFileName().toString(),
                        runOptions.threads()));
        if (runOptions.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            ResultTable.print(console.out(), result, "measured on the bytes written");
        }
        return ExitCodes.OK;
    }
}
