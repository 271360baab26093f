package dev.lowbit.jobs.compress;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What a job did, or would do: the document of {@code --json}.
 *
 * @param method the method
 * @param weights of all compressed matrices
 * @param bitsPerWeight 8 * bytes / weights, everything counted
 * @param paperBitsPerWeight the same by the accounting of the method's own paper
 * @param bytes of all parts
 * @param budgetBytes what they could take
 * @param budgetNote why clearly less was spent, where that is so
 * @param outputBytes of the output directory
 * @param relativeError of all compressed matrices together: measured on the bytes written, or predicted by a plan (absent
 *     when its objective is weighted by importance)
 * @param outputError the same of the outputs of all layers together on the calibration text, measured on the bytes written
 * @param calibrationKlDivergence KL(model || compressed model) on the calibration text, nats a token
 * @param objectiveName what an error costs, where there is calibration
 * @param objective of the budget program
 * @param bound proven lower bound of the objective
 * @param gap (objective - bound) / bound
 * @param seconds the job took
 * @param peakMemoryBytes the process's peak resident memory, where the system tells
 * @param uniform what the best uniform format of each family would give within the same budget
 * @param warnings about the input
 * @param matrices in the order of the job
 */
public record JobResult(
        String method,
        long weights,
        double bitsPerWeight,
        double paperBitsPerWeight,
        long bytes,
        long budgetBytes,
        Optional<String> budgetNote,
        long outputBytes,
        OptionalDouble relativeError,
        OptionalDouble outputError,
        OptionalDouble calibrationKlDivergence,
        Optional<String> objectiveName,
        double objective,
        double bound,
        double gap,
        double seconds,
        OptionalLong peakMemoryBytes,
        List<UniformFormat> uniform,
        List<String> warnings,
        List<MatrixResult> matrices) {
    public JobResult {
        uniform = List.copyOf(uniform);
        warnings = List.copyOf(warnings);
        matrices = List.copyOf(matrices);
    }
}
