import dev.lowbit.jobs.demo.SyntheticCheckpoint;
import dev.lowbit.jobs.demo.SyntheticModel;
import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.DType;
import java.nio.file.Path;

/** Writes the checkpoint of decode-1b.sh: the shapes of a Llama with 1.2 billion weights (args[1] layers, 22 for all of it), values that nobody trained. */
final class DecodeCheckpoint {
    private DecodeCheckpoint() {}

    public static void main(String[] args) {
        SyntheticModel model = new SyntheticModel(
                Integer.parseInt(args[1]), 2048, 5632, 32, 32, 32000, DType.BF16, 4L << 30);
        SyntheticCheckpoint.write(Path.of(args[0]), model, 0, Workers.serial());
    }
}
