package dev.lowbit.checkpoint;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/**
 * Modules of an adapter with a rank or an alpha of their own: {@code rank_pattern} and {@code alpha_pattern} of PEFT, whose keys are regular
 * expressions for the end of a module's name, from a dot on; the first that matches counts.
 */
public final class ModulePatterns {
    private final Map<NamePattern, Number> ranks;
    private final Map<NamePattern, Number> alphas;

    private ModulePatterns(Map<NamePattern, Number> ranks, Map<NamePattern, Number> alphas) {
        this.ranks = ranks;
        this.alphas = alphas;
    }

    /** @throws MalformedFileException BAD_ADAPTER */
    static ModulePatterns of(Path file, Map<String, Object> fields) {
        Map<NamePattern, Number> ranks = read(file, fields, "rank_pattern");
        for (Number rank : ranks.values()) {
            if (!(rank instanceof Long whole) || whole < 1 || whole > Integer.MAX_VALUE) {
                throw AdapterConfig.bad(file, "rank_pattern holds " + rank + ", ranks of at least 1 are needed");
            }
        }
        return new ModulePatterns(ranks, read(file, fields, "alpha_pattern"));
    }

    private static Map<NamePattern, Number> read(Path file, Map<String, Object> fields, String field) {
        Map<NamePattern, Number> patterns = new LinkedHashMap<>();
        if (fields.get(field) == null) {
            return patterns;
        }
        if (!(fields.get(field) instanceof Map<?, ?> map)) {
            throw AdapterConfig.bad(file, field + " is no map of names to numbers");
        }
        map.forEach((key, value) -> {
            if (!(value instanceof Number number) || !Double.isFinite(number.doubleValue())) {
                throw AdapterConfig.bad(file, field + " gives " + OneLine.quote(key.toString()) + " no number");
            }
            try {
                patterns.put(NamePattern.of("(.*\\.)?(" + key + ")"), number);
            } catch (IllegalArgumentException e) {
                throw AdapterConfig.bad(file, field + ": " + e.getMessage());
            }
        });
        return patterns;
    }

    /** The rank of a module that has one of its own. */
    OptionalInt rank(Path file, String module) {
        return first(file, ranks, module)
                .map(rank -> OptionalInt.of(rank.intValue()))
                .orElse(OptionalInt.empty());
    }

    /** The alpha of a module that has one of its own. */
    OptionalDouble alpha(Path file, String module) {
        return first(file, alphas, module)
                .map(alpha -> OptionalDouble.of(alpha.doubleValue()))
                .orElse(OptionalDouble.empty());
    }

    private static Optional<Number> first(Path file, Map<NamePattern, Number> patterns, String module) {
        try {
            return patterns.entrySet().stream()
                    .filter(pattern -> pattern.getKey().matches(module))
                    .map(Map.Entry::getValue)
                    .findFirst();
        } catch (NamePattern.TooExpensiveException e) {
            throw AdapterConfig.bad(file, e.getMessage());
        }
    }
}
