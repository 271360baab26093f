package dev.lowbit.compeft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;

class TernaryMergeTest {
    private static final int LENGTH = 1000;

    private final List<TernaryTensor> updates = new ArrayList<>();
    private final float[] result = new float[LENGTH];
    private final MemorySegment target = MemorySegment.ofArray(result);

    TernaryMergeTest() {
        for (int u = 0; u < 5; u++) {
            updates.add(Updates.whole(Updates.signs(u, LENGTH, 0.4), List.of(10L, 100L), 0.5f + 0.25f * u));
        }
    }

    private double value(int update, int i) {
        return updates.get(update).scale()
                * (double) updates.get(update).signs().sign(i);
    }

    @Test
    void sumsAreWeighted() {
        double[] weights = {1, -2, 0.5, 0, 3};
        TernaryMerge.sum(updates, weights, target);
        for (int i = 0; i < LENGTH; i++) {
            double expected = 0;
            for (int u = 0; u < weights.length; u++) {
                expected += weights[u] * value(u, i);
            }
            assertThat(result[i]).isEqualTo((float) expected);
        }
    }

    @Test
    void theElectedSignIsAveraged() {
        TernaryMerge.ties(updates, target);
        for (int i = 0; i < LENGTH; i++) {
            double mass = 0;
            for (int u = 0; u < updates.size(); u++) {
                mass += value(u, i);
            }
            double sum = 0;
            int votes = 0;
            for (int u = 0; u < updates.size(); u++) {
                if (value(u, i) * mass > 0) {
                    sum += value(u, i);
                    votes++;
                }
            }
            assertThat(result[i]).isEqualTo(votes == 0 ? 0 : (float) (sum / votes));
        }
    }

    @Test
    void updatesOfScaleZeroHaveNoVote() {
        TernaryTensor one = Updates.whole(new byte[] {1, -1}, List.of(2L), 3);
        TernaryTensor zero = Updates.whole(new byte[] {1, 1}, List.of(2L), 0);
        float[] merged = new float[2];
        TernaryMerge.ties(List.of(one, zero), MemorySegment.ofArray(merged));
        assertThat(merged).containsExactly(3, -3);
    }

    @Test
    void agreementIsCounted() {
        long[] counts = new long[4];
        for (int i = 0; i < LENGTH; i++) {
            int plus = 0;
            int minus = 0;
            for (int u = 0; u < updates.size(); u++) {
                plus += value(u, i) > 0 ? 1 : 0;
                minus += value(u, i) < 0 ? 1 : 0;
            }
            int kind = plus > 0 && minus > 0 ? 3 : Math.min(2, plus + minus);
            counts[kind]++;
        }
        assertThat(counts).doesNotContain(0);
        assertThat(TernaryMerge.agreement(updates))
                .isEqualTo(new SignAgreement(counts[0], counts[1], counts[2], counts[3]));
        assertThat(TernaryMerge.agreement(updates.subList(0, 1)).single())
                .isEqualTo(updates.getFirst().nonZeros());
    }

    @Test
    void whatDoesNotFitIsRefused() {
        refused(() -> TernaryMerge.sum(List.of(), new double[0], target), "at least one");
        refused(() -> TernaryMerge.sum(updates, new double[4], target), "5 updates need as many weights, got 4");
        refused(() -> TernaryMerge.ties(updates, target.asSlice(4)), "4000 bytes of floats; 3996");
        TernaryTensor other = Updates.whole(new byte[LENGTH], List.of(100L, 10L), 1);
        refused(() -> TernaryMerge.agreement(List.of(updates.getFirst(), other)), "[100, 10]");
    }

    private static void refused(ThrowingCallable call, String message) {
        assertThatThrownBy(call).isInstanceOf(InvalidRequestException.class).hasMessageContaining(message);
    }
}
