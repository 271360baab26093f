package dev.lowbit.jobs.evaluate;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.ModelInput;
import dev.lowbit.jobs.TextTokens;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.Shape;
import dev.lowbit.transformer.text.Tokenizer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.List;

/**
 * What a model is asked to predict.
 *
 * @param beginning id in front of every window
 * @param tokens all tokens to predict
 * @param context tokens of a window with its beginning
 */
record EvaluationTokens(int beginning, int[] tokens, int context) {
    private static final ValueLayout.OfInt LITTLE_ENDIAN =
            ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /**
     * A text, cut into windows by {@link dev.lowbit.transformer.Evaluation}.
     *
     * @param most tokens that are kept from its beginning on
     */
    static EvaluationTokens ofText(Path text, ModelInput model, int context, int most) {
        try (Tokenizer tokenizer = Tokenizer.open(model.folder())) {
            int beginning = model.beginning(tokenizer);
            int vocabulary = model.transformer().shape().vocabulary();
            return new EvaluationTokens(beginning, TextTokens.read(text, tokenizer, vocabulary, most), context);
        }
    }

    /**
     * The windows of the only two-dimensional I32 tensor of a .safetensors file, windows x length. All begin with the same id.
     *
     * @param most tokens to predict that are kept from the first on
     * @throws MalformedFileException BAD_CALIBRATION for an id out of range, or windows that begin differently
     * @throws InvalidRequestException usage when there is no such tensor, or more than one; impossible for windows that are
     *     longer than the model's context, and for more tokens than an array holds
     */
    static EvaluationTokens ofIds(Path file, ModelInput model, int most) {
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            TensorInfo info = onlyTable(file, checkpoint);
            long length = info.shape().get(1);
            if (length < 2 || length > model.transformer().shape().context()) {
                throw InvalidRequestException.impossible(
                        file + " holds windows of " + length + " ids; the model reads 2 to "
                                + model.transformer().shape().context());
            }
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment ids = checkpoint.map(info.name(), arena);
                requireUsable(info, ids, model.transformer().shape().vocabulary());
                int[] tokens = new int[count(file, info.shape().get(0), length, most)];
                for (int i = 0; i < tokens.length; i++) {
                    tokens[i] = at(ids, i / (length - 1) * length + 1 + i % (length - 1));
                }
                return new EvaluationTokens(at(ids, 0), tokens, (int) length);
            }
        }
    }

    /** Tokens of the windows of a file of ids, as {@link #ofIds} finds them. */
    static int lengthOfIds(Path file) {
        try (Checkpoint checkpoint = Checkpoint.open(file)) {
            return (int) Math.min(
                    Integer.MAX_VALUE, onlyTable(file, checkpoint).shape().get(1));
        }
    }

    /** How many tokens of so many windows are predicted. */
    static int count(Path file, long windows, long length, int most) {
        long count = Math.min(most, windows * (length - 1));
        if (count > Shape.LARGEST_ARRAY) {
            throw InvalidRequestException.impossible(file + " holds " + windows * (length - 1)
                    + " tokens to predict, more than the " + Shape.LARGEST_ARRAY + " of one run; give --max-tokens");
        }
        return (int) count;
    }

    private static TensorInfo onlyTable(Path file, Checkpoint checkpoint) {
        List<TensorInfo> tables = checkpoint.names().stream()
                .map(checkpoint::info)
                .filter(tensor -> tensor.type() == DType.I32 && tensor.shape().size() == 2 && tensor.elements() > 0)
                .toList();
        if (tables.size() != 1) {
            throw InvalidRequestException.usage("--ids " + file + " holds " + tables.size()
                    + " two-dimensional I32 tensors; exactly one is needed, windows x length");
        }
        return tables.getFirst();
    }

    private static void requireUsable(TensorInfo info, MemorySegment ids, int vocabulary) {
        long length = info.shape().get(1);
        for (long i = 0; i < info.elements(); i++) {
            int id = at(ids, i);
            if (id < 0 || id >= vocabulary) {
                throw bad(info, i, "token id " + id + " is not in 0 to " + (vocabulary - 1));
            }
            if (i % length == 0 && id != at(ids, 0)) {
                throw bad(info, i, "window " + i / length + " begins with id " + id + ", the first with " + at(ids, 0));
            }
        }
    }

    private static MalformedFileException bad(TensorInfo info, long element, String detail) {
        long offset = info.offsetBytes() + element * Integer.BYTES;
        return new MalformedFileException(info.file(), offset, Reason.BAD_CALIBRATION, info.name() + ": " + detail);
    }

    private static int at(MemorySegment ids, long index) {
        return ids.getAtIndex(LITTLE_ENDIAN, index);
    }
}
