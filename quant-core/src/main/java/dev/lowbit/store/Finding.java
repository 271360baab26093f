package dev.lowbit.store;

/**
 * Something wrong with a compressed model.
 *
 * @param file the file at fault, relative to the model's directory
 * @param problem one line: what was found and what was expected
 */
public record Finding(String file, String problem) {
    public Finding {
        problem = problem.replaceAll("\\p{Cntrl}", "?");
    }

    @Override
    public String toString() {
        return file + ": " + problem;
    }
}
