package dev.lowbit.checkpoint;

import dev.lowbit.tensor.FloatMatrix;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;

/** Reads, transposes and copies every matrix of a model; prints the process's peak memory in kB before and after. */
final class PeakMemoryMain {
    private PeakMemoryMain() {}

    public static void main(String[] args) throws IOException {
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(args[0]))) {
            long before = peakKilobytes();
            for (String name : checkpoint.names()) {
                checkpoint.matrix(name).close();
                try (FloatMatrix transposed = checkpoint.matrix(name, true)) {
                    if (transposed.get(0, 0) != 0) {
                        throw new AssertionError(name);
                    }
                }
                checkpoint.copyTo(name, Channels.newChannel(OutputStream.nullOutputStream()));
            }
            checkpoint.digest();
            System.out.println(before + " " + peakKilobytes());
        }
    }

    private static long peakKilobytes() throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        throw new AssertionError("no VmHWM");
    }
}
