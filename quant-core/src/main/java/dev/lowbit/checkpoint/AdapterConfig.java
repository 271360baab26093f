package dev.lowbit.checkpoint;

import dev.lowbit.checkpoint.MalformedFileException.Reason;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A PEFT adapter_config.json of a LoRA adapter: its ranks, and which modules of a base model it belongs to. A malformed one (a rank that
 * its matrix cannot have, a pattern that does not match what the adapter changes, or never ends) is refused.
 *
 * @param file where it was read
 * @param rank {@code r}, at least 1
 * @param alpha {@code lora_alpha}; the update is alpha / rank * B A
 * @param fanInFanOut whether the base stores its matrices inputs x outputs
 * @param targets {@code target_modules}: a regular expression for whole module names, ends of module names, or all
 * @param exceptions modules with a rank or alpha of their own
 * @param beyondPlain what makes it more than alpha / rank * B A, each as field and value; empty for plain LoRA
 */
public record AdapterConfig(
        Path file,
        int rank,
        double alpha,
        boolean fanInFanOut,
        Targets targets,
        ModulePatterns exceptions,
        List<String> beyondPlain) {
    /** What PEFT takes for every linear layer. */
    private static final String ALL_LINEAR = "all-linear";
    /** Ways to begin an adapter that leave its base as it is. */
    private static final Set<String> BASE_KEPT = Set.of("gaussian", "eva", "orthogonal");

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
                file,
                rank.intValue(),
                number.doubleValue(),
                fanInFanOut,
                targets(file, fields.get("target_modules")),
                ModulePatterns.of(file, fields),
                beyondPlain(fields));
    }

    /** Fields that change what is added to a matrix, or add to something else, with the values that do neither. */
    private static List<String> beyondPlain(Map<String, Object> fields) {
        Map<String, Object> plain = new LinkedHashMap<>();
        plain.put("peft_type", "LORA");
        plain.put("use_dora", false);
        plain.put("use_rslora", false);
        plain.put("bias", "none");
        plain.put("lora_bias", false);
        plain.put("modules_to_save", List.of());
        plain.put("layer_replication", List.of());
        plain.put("trainable_token_indices", List.of());
        plain.put("target_parameters", List.of());
        List<String> beyond = new ArrayList<>();
        // the other ways to begin change the base too, and the adapter is added to what they leave of it
        if (fields.get("init_lora_weights") instanceof String start && !BASE_KEPT.contains(start)) {
            beyond.add("init_lora_weights is " + OneLine.quote(start));
        }
        plain.forEach((field, value) -> {
            Object found = fields.get(field);
            if (found != null && !found.equals(value)) {
                beyond.add(field + " is " + OneLine.quote(found.toString()));
            }
        });
        return beyond;
    }

    /**
     * The rank of a module.
     *
     * @throws MalformedFileException BAD_ADAPTER when a pattern backtracks without end
     */
    public int rank(String module) {
        return exceptions.rank(file, module).orElse(rank);
    }

    /**
     * The alpha of a module.
     *
     * @throws MalformedFileException BAD_ADAPTER when a pattern backtracks without end
     */
    public double alpha(String module) {
        return exceptions.alpha(file, module).orElse(alpha);
    }

    private static Targets targets(Path file, Object value) {
        if (value instanceof String regex) {
            try {
                return new Matching(NamePattern.of(regex.equalsIgnoreCase(ALL_LINEAR) ? ".*" : regex));
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
     * Refuses a module that an adapter of this configuration cannot have.
     *
     * @param module name of a module that it has factors of, as in the loaded model
     * @param outputs rows of its matrix
     * @param inputs columns of its matrix
     * @throws MalformedFileException BAD_ADAPTER when it is none of the targets, when its rank exceeds a side, or when a regular
     *     expression backtracks without end
     */
    public void requireModule(String module, long outputs, long inputs) {
        if (!targetsModule(module)) {
            throw bad(
                    file,
                    "target_modules does not match " + OneLine.quote(module)
                            + ", which the adapter has factors of; give both from one training");
        }
        long smaller = Math.min(outputs, inputs);
        if (rank(module) > smaller) {
            throw bad(
                    file,
                    "rank " + rank(module) + " exceeds the smaller side " + smaller + " of " + OneLine.quote(module));
        }
    }

    private boolean targetsModule(String module) {
        try {
            return targets.contain(module);
        } catch (NamePattern.TooExpensiveException e) {
            throw new MalformedFileException(file, -1, Reason.BAD_ADAPTER, e.getMessage(), e);
        }
    }

    static MalformedFileException bad(Path file, String detail) {
        return new MalformedFileException(file, -1, Reason.BAD_ADAPTER, detail);
    }
}
