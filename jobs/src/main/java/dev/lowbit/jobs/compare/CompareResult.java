package dev.lowbit.jobs.compare;

import com.fasterxml.jackson.annotation.JsonUnwrapped;
import java.util.List;
import java.util.Optional;

/** What was compared: the document of {@code --json}. */
public record CompareResult(List<Model> models) {
    public CompareResult {
        models = List.copyOf(models);
    }

    /**
     * One model.
     *
     * @param name of its folder
     * @param figures of it in floats
     * @param results in the order of methods and budgets
     */
    public record Model(String name, @JsonUnwrapped Figures figures, List<Row> results) {
        public Model {
            results = List.copyOf(results);
        }
    }

    /**
     * One result.
     *
     * @param askedBits the budget
     * @param tuned whether it was tuned end to end
     * @param figures what was measured; nothing when it is impossible
     * @param pareto whether no other result of the model is as small and as good and in one of both better
     * @param impossible why there is no result within the budget
     */
    public record Row(
            String method,
            double askedBits,
            boolean tuned,
            @JsonUnwrapped Figures figures,
            boolean pareto,
            Optional<String> impossible) {
        Row withPareto(boolean isOnFront) {
            return new Row(method, askedBits, tuned, figures, isOnFront, impossible);
        }

        /** Method and whether tuned: what rows have in common that are one line of the plot. */
        String line() {
            return method + (tuned ? ", tuned" : "");
        }
    }
}
