package dev.lowbit.jobs.tune;

import java.util.List;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What tuning did: the document of {@code --json}.
 *
 * @param loss what was lowered: {@code klDivergence} (to the reference) or {@code crossEntropy} (of the text), nats per token
 * @param lossBefore on the held-out part of the text, of the model as it came
 * @param lossAfter the same of the bytes written; never above {@code lossBefore}
 * @param improved whether anything was changed
 * @param step the step whose result was kept, 0 for none
 * @param steps steps taken
 * @param tokens tokens trained on, every epoch counted
 * @param heldOutTokens tokens that losses were measured on
 * @param trainedParameters numbers that were trained, those that matrices share once; codes are not counted
 * @param tunedMatrices matrices with new parts
 * @param bytes of all parts, as before
 * @param relativeError of all compressed matrices together; absent when tuned parts could not be compared with the source
 * @param seconds the job took
 * @param peakMemoryBytes the process's peak resident memory, where the system tells
 * @param warnings worth reading
 */
public record TuneResult(
        String loss,
        double lossBefore,
        double lossAfter,
        boolean improved,
        int step,
        int steps,
        long tokens,
        int heldOutTokens,
        long trainedParameters,
        int tunedMatrices,
        long bytes,
        OptionalDouble relativeError,
        double seconds,
        OptionalLong peakMemoryBytes,
        List<String> warnings) {
    public TuneResult {
        warnings = List.copyOf(warnings);
    }
}
