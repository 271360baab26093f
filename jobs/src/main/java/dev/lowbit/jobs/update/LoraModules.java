package dev.lowbit.jobs.update;

import dev.lowbit.checkpoint.AdapterConfig;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.checkpoint.MalformedFileException;
import dev.lowbit.checkpoint.MalformedFileException.Reason;
import dev.lowbit.checkpoint.TensorInfo;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.UnsupportedModelException;
import dev.lowbit.kernel.Workers;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A LoRA adapter as changes of its base: W + s B A for every module that it has factors of, by the rules of PEFT. GPT-2 is published without the
 * prefix {@code transformer.} that the loaded model has.
 */
final class LoraModules {
    private static final Pattern FACTOR = Pattern.compile("base_model\\.model\\.(.+)\\.lora_([AB])\\.weight");
    private static final String GPT2_PREFIX = "transformer.";

    private final AdapterConfig config;
    private final UpdateValues adapter;
    private final Checkpoint base;
    private final Workers workers;

    private LoraModules(AdapterConfig config, UpdateValues adapter, Checkpoint base, Workers workers) {
        this.config = config;
        this.adapter = adapter;
        this.base = base;
        this.workers = workers;
    }

    /** Whether a tensor of an adapter is a factor of LoRA. */
    static boolean isFactor(String name) {
        return FACTOR.matcher(name).matches();
    }

    /**
     * What is added to each tensor of a checkpoint.
     *
     * @throws UnsupportedModelException when the adapter is more than plain LoRA
     * @throws MalformedFileException BAD_ADAPTER when configuration and tensors contradict one another
     * @throws InvalidRequestException (impossible) when the checkpoint does not have a matrix, or in another shape
     */
    static Map<String, TensorChange> changes(
            AdapterConfig config, UpdateValues adapter, Checkpoint base, Workers workers) {
        return new LoraModules(config, adapter, base, workers).changes();
    }

    private Map<String, TensorChange> changes() {
        if (!config.beyondPlain().isEmpty()) {
            throw unsupported(String.join(", ", config.beyondPlain()));
        }
        Map<String, TensorChange> changes = new TreeMap<>();
        for (String name : adapter.names()) {
            Matcher factor = FACTOR.matcher(name);
            if (!factor.matches()) {
                throw unsupported("it holds tensor " + name + ", which is no factor of LoRA");
            }
            String module = factor.group(1);
            requireBoth(config, adapter.names(), module);
            TensorInfo matrix = matrix(module);
            changes.computeIfAbsent(matrix.name(), weight -> change(module, matrix));
        }
        return changes;
    }

    /**
     * Refuses factors that cannot be those of an adapter of this configuration, whatever else it holds and however it is added.
     *
     * @param shapes of its tensors by name
     * @throws MalformedFileException BAD_ADAPTER
     */
    static void check(AdapterConfig config, Map<String, List<Long>> shapes) {
        for (String name : shapes.keySet()) {
            Matcher factor = FACTOR.matcher(name);
            if (!factor.matches()) {
                continue;
            }
            String module = factor.group(1);
            requireBoth(config, shapes.keySet(), module);
            List<Long> right = shapes.get(name(module, "A"));
            List<Long> left = shapes.get(name(module, "B"));
            // factors of convolutions have more dimensions
            if (right.size() == 2 && left.size() == 2) {
                requireFactors(config, module, left, right);
            }
        }
    }

    private static void requireFactors(AdapterConfig config, String module, List<Long> left, List<Long> right) {
        int rank = config.rank(module);
        if (right.size() != 2 || left.size() != 2 || right.getFirst() != rank || left.getLast() != rank) {
            throw bad(
                    config,
                    "module " + module + " has factors " + right + " and " + left + ", for rank " + rank + " [" + rank
                            + ", inputs] and [outputs, " + rank + "] are needed");
        }
        config.requireModule(module, left.getFirst(), right.getLast());
    }

    private static void requireBoth(AdapterConfig config, Set<String> names, String module) {
        for (String letter : List.of("A", "B")) {
            if (!names.contains(name(module, letter))) {
                String other = name(module, letter.equals("A") ? "B" : "A");
                throw bad(config, "tensor " + other + " stands alone, " + name(module, letter) + " is needed too");
            }
        }
    }

    private static String name(String module, String factor) {
        return "base_model.model." + module + ".lora_" + factor + ".weight";
    }

    private TensorInfo matrix(String module) {
        String weight = module + ".weight";
        String bare = weight.startsWith(GPT2_PREFIX) ? weight.substring(GPT2_PREFIX.length()) : weight;
        for (String name : List.of(weight, bare)) {
            if (base.contains(name)) {
                StoredFloats.requireSupported(name, base.info(name).type());
                return base.info(name);
            }
        }
        throw InvalidRequestException.impossible("base " + base.root() + " has no tensor " + weight
                + ", which the adapter changes; give the model that the adapter was trained on");
    }

    private TensorChange change(String module, TensorInfo matrix) {
        List<Long> right = adapter.shape(name(module, "A"));
        List<Long> left = adapter.shape(name(module, "B"));
        requireFactors(config, module, left, right);
        int rank = config.rank(module);
        List<Long> shape = config.fanInFanOut()
                ? List.of(right.getLast(), left.getFirst())
                : List.of(left.getFirst(), right.getLast());
        if (!matrix.shape().equals(shape)) {
            throw InvalidRequestException.impossible("base " + base.root() + " has " + matrix.name() + " as "
                    + matrix.shape() + ", the adapter changes " + shape + " (fan_in_fan_out is " + config.fanInFanOut()
                    + "); give the model that the adapter was trained on");
        }
        return new LoraChange(
                adapter,
                name(module, "B"),
                name(module, "A"),
                rank,
                config.alpha(module) / rank,
                config.fanInFanOut(),
                workers);
    }

    private UnsupportedModelException unsupported(String what) {
        return new UnsupportedModelException(config.file() + ": " + what
                + ": only plain LoRA, W + lora_alpha / r B A, can be merged into a base; merge it with PEFT");
    }

    private static MalformedFileException bad(AdapterConfig config, String detail) {
        return new MalformedFileException(config.file(), -1, Reason.BAD_ADAPTER, detail);
    }
}
