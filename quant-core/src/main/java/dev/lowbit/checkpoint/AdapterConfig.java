package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;

/**
 * A PEFT adapter_config.json of a LoRA adapter: its rank and which matrices of a base model it belongs to. No command reads
 * adapters yet; it stands here because a malformed one (a rank that no matrix has, a pattern that matches nothing or never ends)
 * must be refused by whoever comes to read one, and each such case has its test.
 *
 * @param file where it was read
 * @param rank {@code r}, at least 1
 * @param alpha {@code lora_alpha}; the update is alpha / rank * B A
 * @param fanInFanOut whether the base stores its matrices inputs x outputs
 * @param targets {@code target_modules}: a regular expression for whole module names, or ends of module names
 */
public record AdapterConfig(Path file, int rank, double alpha, boolean fanInFanOut, Targets targets) {
    private static final String WEIGHT = ".weight";

    /** How target modules are named. */
    public sealed interface Targets {
        /** Whether the module {@code name} (a tensor's name without {@code .weight}) is one. */
        boolean contain(String name);
    }

    /** All modules whose whole name matches. */
    private record Matching(NamePattern pattern) implements Targets {
        @Override
        public boolean contain(String name) {
            return pattern.matches(name);
        }
    }

    /** All modules that have one of the names, or end in a dot and one of them. */
    private record Named(List<String> names) implements Targets {
        @Override
        public boolean contain(String name) {
            return names.stream().anyMatch(n -> name.equals(n) || name.endsWith("." + n));
        }
    }

    /**
     * Reads and checks {@code file}.
     *
     * @throws MalformedFileException BAD_ADAPTER, or DUPLICATE_KEY
     * @throws UncheckedIOException when it cannot be read
     */
    public static AdapterConfig read(Path file, Limits limits) {
        Map<String, Object> fields;
        try {
            fields = StrictJson.readObject(file, limits.maxConfigBytes(), limits);
        } catch (MalformedFileException e) {
            if (e.reason() == Reason.DUPLICATE_KEY) {
                throw e;
            }
            throw new MalformedFileException(file, e.byteOffset(), Reason.BAD_ADAPTER, e.detail(), e);
        }
        if (!(fields.get("r") instanceof Long rank) || rank < 1 || rank > Integer.MAX_VALUE) {
            throw bad(
                    file,
                    "r is " + OneLine.quote(String.valueOf(fields.get("r"))) + ", a rank of at least 1 is needed");
        }
        Object alpha = fields.getOrDefault("lora_alpha", rank);
        if (!(alpha instanceof Number number) || !Double.isFinite(number.doubleValue())) {
            throw bad(file, "lora_alpha is no number");
        }
        boolean fanInFanOut = Boolean.TRUE.equals(fields.get("fan_in_fan_out"));
        return new AdapterConfig(
                file, rank.intValue(), number.doubleValue(), fanInFanOut, targets(file, fields.get("target_modules")));
    }

    private static Targets targets(Path file, Object value) {
        if (value instanceof String regex) {
            try {
                return new Matching(NamePattern.of(regex));
            } catch (IllegalArgumentException e) {
                throw new MalformedFileException(file, -1, Reason.BAD_ADAPTER, e.getMessage(), e);
            }
        }
        if (value instanceof List<?> list && !list.isEmpty() && list.stream().allMatch(String.class::isInstance)) {
            return new Named(list.stream().map(String.class::cast).toList());
        }
        throw bad(file, "target_modules is neither a regular expression nor a list of names");
    }

    /**
     * The matrices of a base model that the adapter changes, in the order given.
     *
     * @throws MalformedFileException BAD_ADAPTER when there is none, when the rank exceeds a side of one, or when the regular
     *     expression backtracks without end
     */
    public List<TensorInfo> matricesOf(Collection<TensorInfo> base) {
        List<TensorInfo> matrices = new ArrayList<>();
        for (TensorInfo tensor : base) {
            if (!tensor.isMatrix() || !tensor.name().endsWith(WEIGHT) || !targetsModule(tensor.name())) {
                continue;
            }
            long smaller = Math.min(tensor.shape().getFirst(), tensor.shape().getLast());
            if (rank > smaller) {
                throw bad(
                        file,
                        "rank " + rank + " exceeds the smaller side " + smaller + " of "
                                + OneLine.quote(tensor.name()));
            }
            matrices.add(tensor);
        }
        if (matrices.isEmpty()) {
            throw bad(file, "target_modules matches no matrix of the base model");
        }
        return matrices;
    }

    private boolean targetsModule(String tensor) {
        try {
            return targets.contain(tensor.substring(0, tensor.length() - WEIGHT.length()));
        } catch (NamePattern.TooExpensiveException e) {
            throw new MalformedFileException(file, -1, Reason.BAD_ADAPTER, e.getMessage(), e);
        }
    }

    private static MalformedFileException bad(Path file, String detail) {
        return new MalformedFileException(file, -1, Reason.BAD_ADAPTER, detail);
    }
}
