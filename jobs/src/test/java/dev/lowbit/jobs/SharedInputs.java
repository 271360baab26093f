package dev.lowbit.jobs;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.jobs.compress.Target;
import dev.lowbit.jobs.compress.TargetSelection;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

/** What a test of whole jobs takes of the shared data: of models and texts of any size as much as there is time for. */
public final class SharedInputs {
    private SharedInputs() {}

    /** The model of fewest weight bytes that has a configuration and a tokenizer; where there is none the test is skipped. */
    public static Path smallestCompleteModel() {
        Optional<Path> smallest = SharedData.models().stream()
                .filter(model -> Files.isRegularFile(model.resolve("config.json"))
                        && Files.isRegularFile(model.resolve("tokenizer.json")))
                .min(Comparator.comparingLong(SharedData::weightBytes));
        if (smallest.isEmpty()) {
            System.out.println("skipped: no shared model has both config.json and tokenizer.json");
        }
        assumeTrue(smallest.isPresent(), "a model with config.json and tokenizer.json");
        return smallest.orElseThrow();
    }

    /** The largest text. */
    public static Path largestText() {
        return SharedData.files("text", "", ".txt").stream()
                .max(Comparator.comparingLong(text -> text.toFile().length()))
                .orElseThrow();
    }

    /**
     * Expressions for the first matrices of at most so many weights together, in the order of the layers; for the smallest one where the
     * first alone has more. Empty where the whole model has no more: no choice is needed.
     */
    public static List<Pattern> upTo(long weights, Path model) {
        try (Checkpoint checkpoint = Checkpoint.open(model)) {
            List<Target> all = TargetSelection.standard().of(checkpoint);
            if (all.stream().mapToLong(Target::weights).sum() <= weights) {
                return List.of();
            }
            List<Target> first = new ArrayList<>();
            long left = weights;
            for (Target target : all) {
                left -= target.weights();
                if (left < 0) {
                    break;
                }
                first.add(target);
            }
            if (first.isEmpty()) {
                first.add(all.stream()
                        .min(Comparator.comparingLong(Target::weights))
                        .orElseThrow());
            }
            return first.stream()
                    .map(target -> Pattern.compile("^" + Pattern.quote(target.name()) + "$"))
                    .toList();
        }
    }

    /** The options that choose these matrices. */
    public static List<Object> only(List<Pattern> names) {
        List<Object> options = new ArrayList<>();
        names.forEach(name -> options.addAll(List.of("--only", name.pattern())));
        return options;
    }
}
