package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.Digest;
import dev.lowbit.jobs.MethodOptions.Budget;
import dev.lowbit.jobs.Methods;
import dev.lowbit.jobs.ProgressListener;
import dev.lowbit.jobs.WorkerPool;
import dev.lowbit.method.Compressor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.stream.Stream;

/** Runs jobs in this process and digests what they write. */
final class Jobs {
    static final int RANK = 8;

    private Jobs() {}

    static JobRequest request(Path input, double bits) {
        return request(input, new Budget.BitsPerWeight(bits), Optional.empty(), OptionalLong.empty());
    }

    static JobRequest request(Path input, Budget budget, Optional<Path> costs, OptionalLong memory) {
        return request(Methods.DEFAULT, new Compressor.Limits(0, RANK, 0, 0), input, budget, costs, memory);
    }

    static JobRequest request(
            String method,
            Compressor.Limits limits,
            Path input,
            Budget budget,
            Optional<Path> costs,
            OptionalLong memory) {
        return request(method, limits, input, TargetSelection.standard(), budget, costs, memory);
    }

    static JobRequest request(
            String method,
            Compressor.Limits limits,
            Path input,
            TargetSelection selection,
            Budget budget,
            Optional<Path> costs,
            OptionalLong memory) {
        return new JobRequest(
                input,
                "lowbit development",
                Methods.named(method),
                budget,
                limits,
                selection,
                Optional.empty(),
                costs,
                memory);
    }

    static JobResult plan(JobRequest request, int threads) {
        try (WorkerPool pool = new WorkerPool(threads);
                PlanJob job = PlanJob.open(request, pool.workers(), ProgressListener.none())) {
            return job.run();
        }
    }

    static JobResult compress(JobRequest request, Path output, boolean resume, int threads) {
        try (WorkerPool pool = new WorkerPool(threads)) {
            return CompressJob.run(request, output, resume, pool.workers(), ProgressListener.none());
        }
    }

    /** What the command line says for {@link #request(Path, double)}. */
    static List<String> arguments(Path input, double bits, Path output) {
        return List.of(
                "compress",
                input.toString(),
                "--out",
                output.toString(),
                "--bits",
                Double.toString(bits),
                "--rank",
                Integer.toString(RANK));
    }

    /** SHA-256 of every file below a directory, by relative path. */
    static Map<String, String> digests(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            Map<String, String> digests = new TreeMap<>();
            files.filter(Files::isRegularFile)
                    .forEach(file -> digests.put(directory.relativize(file).toString(), Digest.sha256(file)));
            return digests;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Bytes of every file below a directory together. */
    static long bytes(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            return files.filter(Files::isRegularFile)
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
