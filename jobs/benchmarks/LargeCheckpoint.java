import dev.lowbit.jobs.demo.SyntheticCheckpoint;
import dev.lowbit.jobs.demo.SyntheticModel;
import dev.lowbit.kernel.Workers;
import java.nio.file.Path;

/** Writes the checkpoint of memory-4gb.sh: matrices of at most 4096 x 4096, args[1] bytes in all. */
final class LargeCheckpoint {
    private LargeCheckpoint() {}

    public static void main(String[] args) {
        SyntheticCheckpoint.write(Path.of(args[0]), SyntheticModel.large(Long.parseLong(args[1])), 0, Workers.serial());
    }
}
