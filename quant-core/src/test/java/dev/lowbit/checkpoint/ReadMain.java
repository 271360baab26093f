package dev.lowbit.checkpoint;

import java.nio.file.Path;

/** Reads the first matrix of a model; prints what comes of it. */
final class ReadMain {
    private ReadMain() {}

    public static void main(String[] args) {
        try (Checkpoint checkpoint = Checkpoint.open(Path.of(args[0]))) {
            checkpoint.matrix(checkpoint.names().getFirst()).close();
            System.out.println("read");
        } catch (RuntimeException | Error e) {
            System.out.println(e);
        }
    }
}
