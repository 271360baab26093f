package dev.lowbit.jobs.compare;

import dev.lowbit.jobs.compare.CompareResult.Row;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/** Results for tests. */
final class Rows {
    private Rows() {}

    static Row measured(String method, double bits, double perplexity) {
        return new Row(method, Math.ceil(bits), false, figures(bits, perplexity), false, Optional.empty());
    }

    static Row impossible(String method, double bits, String reason) {
        return new Row(method, bits, false, Figures.NONE, false, Optional.of(reason));
    }

    static Figures figures(double bits, double perplexity) {
        return new Figures(
                OptionalLong.of(1000),
                OptionalDouble.of(bits),
                OptionalLong.of(50),
                OptionalDouble.of(perplexity),
                OptionalDouble.of(0.5),
                OptionalDouble.of(0.25),
                OptionalDouble.of(0.125),
                OptionalDouble.of(0.875));
    }

    static Figures inFloats(double perplexity) {
        return new Figures(
                OptionalLong.empty(),
                OptionalDouble.empty(),
                OptionalLong.of(50),
                OptionalDouble.of(perplexity),
                OptionalDouble.of(0.5),
                OptionalDouble.empty(),
                OptionalDouble.empty(),
                OptionalDouble.empty());
    }
}
