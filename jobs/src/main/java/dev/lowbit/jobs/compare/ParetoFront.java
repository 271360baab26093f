package dev.lowbit.jobs.compare;

import dev.lowbit.jobs.compare.CompareResult.Row;
import java.util.List;

/** The results of a model that no other result beats: in bits and in perplexity as good, and better in one of them. */
final class ParetoFront {
    private ParetoFront() {}

    /** The same rows, each knowing whether it is on the front of all of them; one without figures is not. */
    static List<Row> mark(List<Row> rows) {
        return rows.stream()
                .map(row -> row.withPareto(isMeasured(row) && rows.stream().noneMatch(other -> beats(other, row))))
                .toList();
    }

    private static boolean beats(Row one, Row other) {
        if (!isMeasured(one)) {
            return false;
        }
        int bits = Double.compare(bits(one), bits(other));
        int perplexity = Double.compare(perplexity(one), perplexity(other));
        return bits <= 0 && perplexity <= 0 && (bits < 0 || perplexity < 0);
    }

    static boolean isMeasured(Row row) {
        return row.figures().perplexity().isPresent();
    }

    static double bits(Row row) {
        return row.figures().bitsPerWeight().orElseThrow();
    }

    static double perplexity(Row row) {
        return row.figures().perplexity().orElseThrow();
    }
}
