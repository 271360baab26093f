package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.SafetensorsCases.Case;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/** Lists every case file present in a folder and prints what happened, slowness included: run in a JVM with a small heap. */
final class SmallHeapMain {
    private static final long LIMIT_NANOS = 10_000_000_000L;

    private SmallHeapMain() {}

    public static void main(String[] args) {
        for (Case c : SafetensorsCases.all()) {
            Path file = Path.of(args[0], c.id() + ".safetensors");
            if (!Files.exists(file)) {
                continue;
            }
            for (ReadPath path : ReadPath.values()) {
                String outcome;
                long start = cpuNanos();
                try {
                    path.list(file, c.limits());
                    outcome = "accepted";
                } catch (MalformedFileException e) {
                    outcome = e.reason().toString();
                }
                if (cpuNanos() - start > LIMIT_NANOS) {
                    outcome = "took longer than 10 s";
                }
                System.out.println(c.id() + " " + path + " " + outcome);
            }
        }
    }

    /** Time of this thread alone: on a machine that others use too, time on the wall says nothing about the reader. */
    static long cpuNanos() {
        return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    }
}
