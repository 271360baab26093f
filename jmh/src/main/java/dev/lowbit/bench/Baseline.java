package dev.lowbit.bench;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The committed ratios. Ratios only: no time of any machine, so that another machine with registers of that width, or a busy one, can be compared.
 *
 * @param figures by id
 */
record Baseline(Map<String, Entry> figures) {
    /** Ratios wander by this much between runs of the same code even when a run's own spread is small. */
    private static final double LEAST_NOISE = 0.20;
    /** More than this would not find a kernel that fell off its SIMD path by half. */
    private static final double MOST_NOISE = 0.40;

    /** @param noise relative loss of speed that is still taken for noise */
    record Entry(double ratio, double noise) {
        Entry {
            if (!(ratio > 0) || !(noise > 0 && noise < 1)) {
                throw new IllegalArgumentException(
                        "a baseline needs ratio > 0 and 0 < noise < 1, got " + ratio + " and " + noise);
            }
        }
    }

    /** @throws IllegalArgumentException when the file is malformed or holds no figure: nothing can fall below that, so it would pass for ever */
    static Baseline read(Path file) {
        Map<String, Entry> figures = new LinkedHashMap<>();
        JsonFile.read(file).path("figures").properties().forEach(e -> figures.put(e.getKey(), entry(file, e)));
        if (figures.isEmpty()) {
            throw new IllegalArgumentException(
                    file + " holds no figures; remove it, and --write-baseline makes it of a run");
        }
        return new Baseline(figures);
    }

    private static Entry entry(Path file, Map.Entry<String, JsonNode> figure) {
        try {
            return new Entry(
                    figure.getValue().path("ratio").asDouble(Double.NaN),
                    figure.getValue().path("noise").asDouble(Double.NaN));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(file + ", " + figure.getKey() + ": " + e.getMessage(), e);
        }
    }

    /** The baseline that a run would make: its ratios, and twice the spread seen in it as noise, within limits. */
    static Baseline of(JmhResults results) {
        References references = References.of(results);
        Map<String, Entry> figures = new LinkedHashMap<>();
        for (Figure figure : Figure.ALL) {
            if (figure.in(results)) {
                double noise = Math.clamp(2 * figure.time(results).spread(), LEAST_NOISE, MOST_NOISE);
                figures.put(figure.id(), new Entry(round(figure.ratio(results, references)), round(noise)));
            }
        }
        return new Baseline(figures);
    }

    /** These entries, with those of {@code newer} in place of or beside them. */
    Baseline with(Baseline newer) {
        Map<String, Entry> all = new LinkedHashMap<>(figures);
        all.putAll(newer.figures);
        return new Baseline(all);
    }

    void write(Path file) {
        JsonMapper mapper =
                JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();
        ObjectNode tree = mapper.createObjectNode();
        ObjectNode entries = tree.putObject("figures");
        figures.forEach(
                (id, entry) -> entries.putObject(id).put("ratio", entry.ratio()).put("noise", entry.noise()));
        mapper.writeValue(file.toFile(), tree);
    }

    /** Three digits: what follows is noise. */
    private static double round(double value) {
        return new java.math.BigDecimal(value)
                .round(new java.math.MathContext(3))
                .doubleValue();
    }
}
