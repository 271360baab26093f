package dev.lowbit.matrix.sketch;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.DecodedProducts;
import dev.lowbit.matrix.LiveScalars;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.StoredScales;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A sketch whose tables are floats that may be changed between products, and its codes too. Products see tables of integers as they would be stored,
 * with the scales they came with, because what rounding takes away is much of such a table; the gradient is that of the floats (straight through).
 */
public final class LiveSketch extends LiveScalars implements AutoCloseable {
    private final SketchMatrix original;
    private final SketchFormat format;
    private final int groupColumns;
    private final FloatMatrix tables;

    /** A live copy of a matrix. */
    public LiveSketch(SketchMatrix matrix) {
        super(matrix, matrix.sketchFormat().codeBits());
        this.original = matrix;
        this.format = matrix.sketchFormat();
        this.groupColumns = format.groupColumns(matrix.columns());
        int width = format.groups() * format.entries();
        this.tables = FloatMatrix.allocate(matrix.rows(), width);
        tables.copyFrom(FloatMatrix.wrap(matrix.rows(), width, matrix.tables().values()));
    }

    /** Z, rows x (groups x entries); live. */
    public FloatMatrix tables() {
        return tables;
    }

    /** The tables of a row as products see them. */
    private float[] row(int row) {
        float[] values = tables.rows(row, 1).toArray();
        if (format.tables() instanceof TableFormat.Coded coded) {
            float[] all = original.tables().scales().orElseThrow().values();
            float[] scales = new float[format.groups()];
            System.arraycopy(all, row * scales.length, scales, 0, scales.length);
            byte[] integers = StoredTables.nearest(values, format.entries(), scales, coded);
            for (int i = 0; i < values.length; i++) {
                values[i] = scales[i / format.entries()] * integers[i];
            }
        }
        return values;
    }

    @Override
    public void dequantize(int fromRow, FloatMatrix out, Workers workers) {
        DecodedProducts.checkRows(this, fromRow, out);
        workers.forEach(out.rows(), i -> {
            float[] values = row(fromRow + i);
            float[] weights = new float[columns()];
            int first = (fromRow + i) * weights.length;
            for (int group = 0, j = 0; group < format.groups(); group++) {
                int table = group * format.entries();
                for (int end = j + groupColumns; j < end; j++) {
                    weights[j] = values[table + codes()[first + j]];
                }
            }
            out.rows(i, 1).copyFrom(FloatMatrix.wrap(1, weights.length, weights));
        });
    }

    /**
     * Adds the gradient of the tables of some rows by the chain rule from G = dL/dŴ: of an entry the sum of G over the weights that it stands for.
     *
     * @param fromRow the first row
     * @param dense G of rows {@code fromRow} and following, n x columns; not modified
     * @param dTables shape of {@link #tables}; modified
     */
    public void accumulate(int fromRow, FloatMatrix dense, FloatMatrix dTables, Workers workers) {
        workers.forEach(dense.rows(), i -> {
            double[] sums = new double[tables.columns()];
            float[] gradient = dense.rows(i, 1).toArray();
            int first = (fromRow + i) * gradient.length;
            for (int group = 0, j = 0; group < format.groups(); group++) {
                int table = group * format.entries();
                for (int end = j + groupColumns; j < end; j++) {
                    sums[table + codes()[first + j]] += gradient[j];
                }
            }
            for (int c = 0; c < sums.length; c++) {
                dTables.set(fromRow + i, c, (float) (dTables.get(fromRow + i, c) + sums[c]));
            }
        });
    }

    /** The nearest entry of the table, of equal ones the first. */
    @Override
    protected Choice choice(FloatMatrix target, Workers workers) {
        Levels levels = levels(workers);
        return at -> {
            float weight = target.segment().getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
            int best = 0;
            float smallest = Float.POSITIVE_INFINITY;
            for (int c = 0; c < format.entries(); c++) {
                float distance = Math.abs(levels.weight(at, c) - weight);
                if (distance < smallest) {
                    smallest = distance;
                    best = c;
                }
            }
            return (byte) best;
        };
    }

    @Override
    protected Levels levels(Workers workers) {
        float[][] values = new float[rows()][];
        workers.forEach(values.length, row -> values[row] = row(row));
        return (at, code) -> values[at / columns()][at % columns() / groupColumns * format.entries() + code];
    }

    /**
     * The matrix with its codes, its tables rounded as they are stored.
     *
     * @throws InvalidRequestException when an entry is no number or overflows its type
     */
    @Override
    public SketchMatrix stored() {
        MemorySegment packed = PackedCodes.pack(codes(), format.codeBits());
        return SketchMatrix.of(rows(), columns(), format, packed, storedTables());
    }

    private StoredTables storedTables() {
        float[] values = tables.toArray();
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                throw InvalidRequestException.beyondFormat("training has driven an entry of row " + i / tables.columns()
                        + " of the tables to " + values[i] + "; use a smaller learning rate");
            }
        }
        return (format.tables() instanceof TableFormat.Coded coded
                        ? StoredTables.coded(
                                StoredTables.nearest(values, format.entries(), scales().values(), coded),
                                format.entries(),
                                scales(),
                                coded)
                        : StoredTables.round(values, format.entries(), format.tables()))
                .orElseThrow(() -> InvalidRequestException.beyondFormat("training has driven the tables beyond what "
                        + format.tables().id() + " holds; use a smaller learning rate"));
    }

    private EncodedScales scales() {
        StoredScales scales = original.tables().scales().orElseThrow();
        return new EncodedScales(scales.values(), scales.codes(), scales.superScales(), scales.offset());
    }

    @Override
    public void close() {
        tables.close();
    }
}
