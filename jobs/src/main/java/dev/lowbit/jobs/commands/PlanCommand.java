package dev.lowbit.jobs.commands;

import dev.lowbit.jobs.Console;
import dev.lowbit.jobs.ExitCodes;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.MethodOptions;
import dev.lowbit.jobs.RunOptions;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.jobs.compress.JobRequest;
import dev.lowbit.jobs.compress.JobResult;
import dev.lowbit.jobs.compress.PlanJob;
import dev.lowbit.jobs.compress.ResultTable;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** {@code lowbit plan}: what compress would do. */
@Command(
        name = "plan",
        description = "Show what compress would do: bytes and predicted error per matrix. Writes nothing but --costs.")
public final class PlanCommand implements Callable<Integer> {
    private final Console console;

    @Parameters(paramLabel = "MODEL", description = "Folder, .safetensors file, or shard index.")
    private Path model;

    @Mixin
    private MethodOptions methodOptions;

    @Mixin
    private RunOptions runOptions;

    public PlanCommand(Console console) {
        this.console = console;
    }

    @Override
    public Integer call() {
        JobRequest request = JobRequest.of(model, methodOptions, runOptions);
        JobResult result;
        try (WorkerPool pool = runOptions.openWorkers();
                PlanJob job = PlanJob.open(request, pool.workers(), console.progress(runOptions))) {
            result = job.run();
        }
        if (runOptions.json()) {
            JsonOutput.write(console.out(), result);
        } else {
            ResultTable.print(console.out(), result, "predicted");
        }
        return ExitCodes.OK;
    }
}
