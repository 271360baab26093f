package dev.lowbit.error;

/** A weight is NaN or infinite, which no quantizer can store: the input's fault. Callers that know the tensor add its name. */
public final class NonFiniteWeightException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int row;
    private final int column;
    private final float value;

    /** The first such weight in row-major order. */
    public NonFiniteWeightException(int row, int column, float value) {
        super("the weight at row " + row + ", column " + column + " is " + value
                + "; weights must be finite: repair the checkpoint or skip this matrix");
        this.row = row;
        this.column = column;
        this.value = value;
    }

    public int row() {
        return row;
    }

    public int column() {
        return column;
    }

    public float value() {
        return value;
    }
}
