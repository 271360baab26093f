package dev.lowbit.jobs.compare;

import static org.assertj.core.api.Assertions.assertThat;

import dev.lowbit.jobs.compare.CompareResult.Model;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class CompareTablesTest {
    private static final CompareResult RESULT = new CompareResult(List.of(new Model(
            "a|b",
            Rows.inFloats(4.5),
            ParetoFront.mark(List.of(
                    Rows.impossible("one", 1, "--bits 1.0 is \"too little\", give 2"),
                    Rows.measured("one", 1.75, 9))))));

    @Test
    void markdownHasARowForEveryResult() {
        assertThat(CompareTables.markdown(RESULT)).isEqualTo("""
                ## a\\|b

                ![perplexity over bits](<a|b.svg>)

                | method | asked | bits | perplexity | KL to float | top-1 | tuned | Pareto | remark |
                |---|--:|--:|--:|--:|--:|---|---|---|
                | float |  |  | 4.5000 |  |  |  |  |  |
                | one | 1 |  |  |  |  | no | no | --bits 1.0 is "too little", give 2 |
                | one | 2 | 1.7500 | 9.0000 | 0.2500 | 87.5 % | no | yes |  |

                """);
    }

    @Test
    void csvHasAllDigitsAndQuotesWhatNeedsIt() {
        assertThat(CompareTables.csv(RESULT).lines())
                .containsExactly(
                        "model,method,askedBits,tuned,bytes,bitsPerWeight,tokens,perplexity,perplexityStdErr,"
                                + "klDivergence,klDivergenceStdErr,top1Agreement,pareto,impossible",
                        "a|b,float,,,,,50,4.5,0.5,,,,,",
                        "a|b,one,1,false,,,,,,,,,false,\"--bits 1.0 is \"\"too little\"\", give 2\"",
                        "a|b,one,2,false,1000,1.75,50,9.0,0.5,0.25,0.125,0.875,true,");
    }

    @Test
    void printedAlignedByColumns() {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        CompareTables.print(new PrintStream(bytes, true, StandardCharsets.UTF_8), RESULT);
        List<String> lines = bytes.toString(StandardCharsets.UTF_8).lines().toList();
        assertThat(lines.getFirst()).isEqualTo("a|b");
        assertThat(lines.get(1)).startsWith("method  asked    bits  perplexity");
        assertThat(lines.get(4)).startsWith("one         2  1.7500      9.0000");
    }
}
