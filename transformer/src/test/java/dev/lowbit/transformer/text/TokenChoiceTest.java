package dev.lowbit.transformer.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.tensor.FloatMatrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenChoiceTest {
    private static final FloatMatrix LOGITS = FloatMatrix.wrap(1, 4, new float[] {1, 2, 2, Float.NEGATIVE_INFINITY});

    @Test
    void greedyTakesTheLowerIdOnATie() {
        assertThat(TokenChoice.greedy().choose(LOGITS)).isEqualTo(1);
        assertThat(TokenChoice.sampled(0, 5).choose(LOGITS)).isEqualTo(1);
    }

    @Test
    void drawsFollowTheProbabilities() {
        double temperature = 0.5;
        int draws = 20_000;
        int[] counts = new int[4];
        TokenChoice choice = TokenChoice.sampled(temperature, 1);
        for (int i = 0; i < draws; i++) {
            counts[choice.choose(LOGITS)]++;
        }
        double top = StrictMath.exp(2 / temperature);
        double sum = StrictMath.exp(1 / temperature) + 2 * top;
        for (int id = 0; id < 3; id++) {
            double p = StrictMath.exp(LOGITS.get(0, id) / temperature) / sum;
            // five standard deviations of a binomial count
            assertThat(Math.abs(counts[id] - draws * p)).isLessThan(5 * Math.sqrt(draws * p * (1 - p)));
        }
        assertThat(counts[3]).isZero();
    }

    @Test
    void aSeedIsAText() {
        assertThat(draws(7)).isEqualTo(draws(7)).isNotEqualTo(draws(8));
    }

    private static String draws(long seed) {
        TokenChoice choice = TokenChoice.sampled(1, seed);
        StringBuilder ids = new StringBuilder();
        for (int i = 0; i < 40; i++) {
            ids.append(choice.choose(LOGITS));
        }
        return ids.toString();
    }

    @Test
    void nearlyZeroIsGreedyButForTies() {
        TokenChoice choice = TokenChoice.sampled(Double.MIN_VALUE, 3);
        for (int i = 0; i < 20; i++) {
            assertThat(choice.choose(LOGITS)).isIn(1, 2);
        }
    }

    @ParameterizedTest
    @ValueSource(doubles = {-1, Double.NaN, Double.POSITIVE_INFINITY})
    void impossibleTemperatures(double temperature) {
        assertThatThrownBy(() -> TokenChoice.sampled(temperature, 0)).isInstanceOf(InvalidRequestException.class);
    }
}
