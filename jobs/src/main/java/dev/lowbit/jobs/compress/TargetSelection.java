package dev.lowbit.jobs.compress;

import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.ModelConfig;
import dev.lowbit.checkpoint.NamePattern;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Which matrices of a checkpoint are compressed: every two-dimensional weight of a linear layer, found by name and shape.
 * Embeddings and the output head only when asked for; norms and everything that is not a weight never.
 *
 * @param embeddings whether embeddings and the output head are compressed too
 * @param skip a matrix in whose full name one of these finds a match is left alone
 * @param only when not empty, a matrix in whose full name none of these finds a match is left alone
 */
public record TargetSelection(boolean embeddings, List<Pattern> skip, List<Pattern> only) {
    private static final String WEIGHT = ".weight";

    /** One component of the name says that the layer looks rows up instead of multiplying with them. */
    private static final Pattern EMBEDDING =
            Pattern.compile("(.*_)?embed(ding)?s?(_.*)?|wte|wpe|shared|relative_attention_bias");

    /** The whole name of an output head, below any prefix such as {@code model}. */
    private static final Pattern HEAD =
            Pattern.compile("(.*\\.)?(lm_head|embed_out)|(model\\.)?(output|score|classifier)");

    private static final Pattern NORM = Pattern.compile(".*norm.*|ln_?(\\d+|f)", Pattern.CASE_INSENSITIVE);

    /** Models whose layers of these names are stored inputs x outputs; those of others (Starcoder, Qwen) are not. */
    private static final Set<String> INPUT_MAJOR_TYPES =
            Set.of("gpt2", "openai-gpt", "imagegpt", "decision_transformer");

    private static final Pattern INPUT_MAJOR = Pattern.compile("c_attn|c_proj|c_fc");

    public TargetSelection {
        skip = List.copyOf(skip);
        only = List.copyOf(only);
    }

    /** Everything that is compressed by default. */
    public static TargetSelection standard() {
        return new TargetSelection(false, List.of(), List.of());
    }

    /**
     * The matrices to compress, in natural order of their names.
     *
     * @throws InvalidRequestException usage when a pattern matches nothing; impossible when nothing is left to compress
     */
    public List<Target> of(Checkpoint checkpoint) {
        List<String> names = checkpoint.names();
        List<String> eligible = linear(checkpoint);
        List<Filter> skipped = filters("--skip", skip);
        List<Filter> wanted = filters("--only", only);
        skipped.forEach(pattern -> requireMatch(pattern, names, "no tensor of " + checkpoint.root()));
        wanted.forEach(pattern -> requireMatch(pattern, eligible, "none of the " + eligible.size() + " matrices"));
        List<Target> targets = eligible.stream()
                .filter(name -> skipped.stream().noneMatch(pattern -> pattern.finds(name)))
                .filter(name -> wanted.isEmpty() || wanted.stream().anyMatch(pattern -> pattern.finds(name)))
                .map(name -> target(checkpoint, checkpoint.info(name)))
                .sorted(Comparator.comparing(Target::name, NaturalOrder.INSTANCE))
                .toList();
        if (targets.isEmpty()) {
            throw InvalidRequestException.impossible(
                    checkpoint.root() + ": none of the " + names.size() + " tensors is left to compress"
                            + (eligible.isEmpty()
                                    ? "; two-dimensional floating-point tensors named <layer>.weight are needed"
                                    : "; --skip and --only exclude all " + eligible.size() + " matrices"));
        }
        return targets;
    }

    /** Every matrix that patterns could choose from, sorted. */
    public List<String> linear(Checkpoint checkpoint) {
        return checkpoint.names().stream()
                .filter(name -> isLinear(checkpoint.info(name)))
                .toList();
    }

    /** A user's expression with the option that it came from. */
    private record Filter(String option, NamePattern pattern) {
        boolean finds(String name) {
            try {
                return pattern.find(name);
            } catch (NamePattern.TooExpensiveException e) {
                throw InvalidRequestException.usage(option + ": " + e.getMessage());
            }
        }

        @Override
        public String toString() {
            return option + " " + pattern;
        }
    }

    private static List<Filter> filters(String option, List<Pattern> patterns) {
        return patterns.stream()
                .map(pattern -> new Filter(option, NamePattern.of(pattern)))
                .toList();
    }

    private static void requireMatch(Filter pattern, List<String> names, String nothing) {
        if (names.stream().noneMatch(pattern::finds)) {
            throw InvalidRequestException.usage(pattern + " matches " + nothing
                    + (names.isEmpty() ? "" : "; a name looks like " + names.getFirst()));
        }
    }

    private boolean isLinear(TensorInfo tensor) {
        if (tensor.shape().size() != 2
                || tensor.shape().contains(0L)
                || !tensor.type().isWeight()
                || !isWeight(tensor.name())) {
            return false;
        }
        String layer = layer(tensor.name());
        String[] components = components(layer);
        if (NORM.matcher(components[components.length - 1]).matches()) {
            return false;
        }
        return embeddings || !(HEAD.matcher(layer).matches() || isEmbedding(components));
    }

    /** At least one, each perhaps empty: a name may be nothing but dots. */
    private static String[] components(String layer) {
        return layer.split("\\.", -1);
    }

    /** Only the layer itself and what directly holds it: {@code embed_dim_proj.0.linear} is no embedding by its ancestors. */
    private static boolean isEmbedding(String[] components) {
        int last = components.length - 1;
        return EMBEDDING.matcher(components[last]).matches() || last > 0 && components[last - 1].equals("embeddings");
    }

    /** Whether a tensor is called {@code <layer>.weight}. */
    public static boolean isWeight(String name) {
        return name.endsWith(WEIGHT);
    }

    /** The layer of a weight: its name without {@code .weight}. */
    public static String layer(String weight) {
        return weight.substring(0, weight.length() - WEIGHT.length());
    }

    /** Whether the weight of that name is looked up in instead of multiplied with. */
    public static boolean isEmbedding(String weight) {
        return isEmbedding(components(layer(weight)));
    }

    /** Whether the weight of that name is an output head. */
    public static boolean isHead(String weight) {
        return HEAD.matcher(layer(weight)).matches();
    }

    /** Whether a checkpoint stores the weight of that name inputs x outputs; without a model_type the name alone decides. */
    public static boolean isInputMajor(Checkpoint checkpoint, String weight) {
        Optional<String> type = checkpoint.config().flatMap(ModelConfig::modelType);
        if (type.isPresent() && !INPUT_MAJOR_TYPES.contains(type.get())) {
            return false;
        }
        String layer = layer(weight);
        return INPUT_MAJOR.matcher(layer.substring(layer.lastIndexOf('.') + 1)).matches();
    }

    private static Target target(Checkpoint checkpoint, TensorInfo tensor) {
        boolean transposed = isInputMajor(checkpoint, tensor.name());
        int first = size(tensor, 0);
        int second = size(tensor, 1);
        return new Target(
                tensor.name(), transposed ? second : first, transposed ? first : second, transposed, tensor.byteSize());
    }

    private static int size(TensorInfo tensor, int dimension) {
        long size = tensor.shape().get(dimension);
        if (size > Integer.MAX_VALUE) {
            throw new UnsupportedModelException(tensor.name() + " has shape " + tensor.shape()
                    + "; a matrix may have at most 2^31 - 1 rows and columns; leave it out with --skip");
        }
        return (int) size;
    }
}
