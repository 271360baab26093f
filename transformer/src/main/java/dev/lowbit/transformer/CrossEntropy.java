package dev.lowbit.transformer;

import dev.lowbit.kernel.Workers;
import dev.lowbit.tensor.FloatMatrix;

/**
 * weight * Σ -ln p(target) over the rows that have a target. The usual next-token mean is {@code weight} = 1 / predictions.
 *
 * @param targets the token id each row should predict, -1 for none
 * @param weight factor of every row
 */
public record CrossEntropy(int[] targets, double weight) implements TokenLoss {
    /** The mean over every next token of a batch; the last row of each sequence predicts nothing. */
    public static CrossEntropy nextToken(TokenBatch batch) {
        int[] targets = nextTokens(batch);
        int predictions = batch.tokens() - batch.sequences();
        return new CrossEntropy(targets, predictions == 0 ? 0 : 1.0 / predictions);
    }

    private static int[] nextTokens(TokenBatch batch) {
        int[] targets = new int[batch.tokens()];
        for (int s = 0; s < batch.sequences(); s++) {
            int last = batch.start(s) + batch.length(s) - 1;
            for (int row = batch.start(s); row < last; row++) {
                targets[row] = batch.id(row + 1);
            }
            targets[last] = -1;
        }
        return targets;
    }

    @Override
    public double apply(int firstRow, FloatMatrix logits, Workers workers) {
        double[] losses = new double[logits.rows()];
        Tokens.forEach(logits.rows(), workers, (from, to) -> {
            for (int t = from; t < to; t++) {
                losses[t] = row(targets[firstRow + t], logits, t);
            }
        });
        return Tokens.inOrder(losses);
    }

    private double row(int target, FloatMatrix logits, int t) {
        if (target < 0) {
            logits.rows(t, 1).segment().fill((byte) 0);
            return 0;
        }
        double score = Tokens.at(logits, t, target);
        SoftmaxRow softmax = SoftmaxRow.of(logits, t);
        softmax.toProbabilities(logits, t, weight);
        Tokens.set(logits, t, target, (float) (Tokens.at(logits, t, target) - weight));
        return weight * (softmax.logSum() - score);
    }
}
