package dev.lowbit.store;

import java.util.List;

/** File names inside a model's directory: relative, with {@code /}, never leaving it. */
final class OutputName {
    private OutputName() {}

    /** Whether a name read from a file may be resolved against the directory. */
    static boolean isSafe(String name) {
        return List.of(name.split("/", -1)).stream().allMatch(OutputName::isSafeStep);
    }

    private static boolean isSafeStep(String step) {
        boolean printable = step.chars().allMatch(c -> c >= ' ' && c != '\\' && c != ':' && c != 127);
        return printable && !step.isBlank() && !step.endsWith(".") && !step.endsWith(" ");
    }
}
