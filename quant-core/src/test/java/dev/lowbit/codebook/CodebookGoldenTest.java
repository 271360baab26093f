package dev.lowbit.codebook;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.lowbit.GoldenFile;
import dev.lowbit.SharedData;
import org.junit.jupiter.api.Test;

class CodebookGoldenTest {
    /** The reference computes in single precision: measured against its own exact strings it is off by 7e-8 at 2 to 4 bits. */
    private static final double REFERENCE_ERROR = 1.2e-7;

    /** At 8 bits its table is off by 1.6e-7, that is 3 steps of 6e-8 after our rounding. */
    private static final double REFERENCE_ERROR_8 = 1.9e-7;

    @Test
    void normalFloatMatchesTheExactAndTheReferenceValues() {
        int found = 0;
        try (GoldenFile golden =
                new GoldenFile(SharedData.folder("golden/lq-lora").resolve("codebooks.safetensors"))) {
            for (String name : golden.prefixes("midpoints")) {
                int bits = Integer.parseInt(name.substring("nf".length()));
                Codebook ours = NormalFloat.of(bits);
                assertThat(NormalFloat.exactValues(bits))
                        .containsExactly(
                                GoldenFile.decimals(golden.metadata().get(name + ".values_float64")), within(1e-12));
                double tolerance = bits > 4 ? REFERENCE_ERROR_8 : REFERENCE_ERROR;
                assertThat(largestDifference(ours.values(), golden.floats(name + ".values")))
                        .isLessThanOrEqualTo(tolerance);
                assertThat(largestDifference(ours.midpoints(), golden.floats(name + ".midpoints")))
                        .isLessThanOrEqualTo(tolerance);
                found++;
            }
            assertThat(largestDifference(NormalFloat.of(4).values(), golden.floats("nf4_bitsandbytes.values")))
                    .isLessThanOrEqualTo(REFERENCE_ERROR);
        }
        assertThat(found).isPositive();
    }

    private static double largestDifference(float[] ours, float[] theirs) {
        assertThat(ours).hasSameSizeAs(theirs);
        double largest = 0;
        for (int i = 0; i < ours.length; i++) {
            largest = Math.max(largest, Math.abs((double) ours[i] - theirs[i]));
        }
        return largest;
    }
}
