package dev.lowbit.sketchtune;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.matrix.sketch.TableFormat;
import java.util.Optional;

/**
 * From learned tables to stored ones. Tables of floats are rounded and the codes descend once more. Tables of integers times a scale get, of some scales
 * around the one that reaches the largest entry, the best for what their entries count; then integers, one after another, and codes descend in turn
 * under the objective, as long as that pays.
 */
final class TableRounding {
    private static final double GAIN = 2e-3;
    private static final int MOST_ROUNDS = 4;
    private static final int PASSES = 8;

    /** Scales that are tried: this share of the one that reaches the largest entry, and more. */
    private static final double LEAST_REACH = 0.8;

    private static final double REACH_STEP = 0.025;
    private static final int REACHES = 10;

    private TableRounding() {}

    /**
     * Rounds tables.
     *
     * @param sketch as it was learned; modified: its tables hold afterwards what is stored, its codes suit them
     * @return the stored tables
     * @throws InvalidRequestException (beyond the format) when the format cannot hold them
     */
    static StoredTables apply(RowObjective objective, Sketch sketch, TableFormat format) {
        return switch (format) {
            case TableFormat.Direct direct -> {
                StoredTables stored = StoredTables.round(sketch.floats(), sketch.entries(), format)
                        .orElseThrow(() -> tooLarge(format));
                take(stored, sketch);
                objective.descend(sketch);
                yield stored;
            }
            case TableFormat.Coded coded -> integers(objective, sketch, coded);
        };
    }

    private static InvalidRequestException tooLarge(TableFormat format) {
        return InvalidRequestException.beyondFormat(
                "the weights have values that " + format.id() + " cannot hold; take tables of f32");
    }

    private static void take(StoredTables stored, Sketch sketch) {
        float[] values = stored.toArray();
        for (int i = 0; i < values.length; i++) {
            sketch.tables()[i] = values[i];
        }
    }

    private static StoredTables integers(RowObjective objective, Sketch sketch, TableFormat.Coded format) {
        int k = sketch.entries();
        float[] wanted = new float[sketch.tables().length / k];
        objective.forEachRow(sketch, (row, equations) -> {
            for (int g = 0; g < sketch.groups(); g++) {
                int table = row * sketch.groups() + g;
                wanted[table] = (float) scale(sketch.tables(), table * k, k, equations, g * k, format);
            }
        });
        EncodedScales scales = EncodedScales.encode(wanted, format.scales()).orElseThrow(() -> tooLarge(format));
        byte[] integers = StoredTables.nearest(sketch.floats(), k, scales.values(), format);
        double error = Double.POSITIVE_INFINITY;
        for (int round = 0; round < MOST_ROUNDS; round++) {
            objective.forEachRow(
                    sketch, (row, equations) -> descend(row, equations, scales.values(), integers, sketch, format));
            double now = objective.descend(sketch);
            if (!(now < error * (1 - GAIN))) {
                break;
            }
            error = now;
        }
        Optional<StoredTables> stored = StoredTables.coded(integers, k, scales, format);
        return stored.orElseThrow(() -> tooLarge(format));
    }

    /** The scale under which rounding costs least, each entry weighed by its own A_ee. */
    private static double scale(
            double[] tables, int from, int k, RowEquations equations, int entry, TableFormat.Coded format) {
        double largest = 0;
        for (int c = 0; c < k; c++) {
            largest = Math.max(largest, Math.abs(tables[from + c]));
        }
        double best = largest / format.largest();
        double smallest = Double.POSITIVE_INFINITY;
        for (int step = 0; step < REACHES; step++) {
            double scale = largest / format.largest() * (LEAST_REACH + REACH_STEP * step);
            double cost = 0;
            for (int c = 0; c < k; c++) {
                double integer = Math.clamp(Math.rint(tables[from + c] / scale), -format.largest(), format.largest());
                double d = tables[from + c] - scale * integer;
                cost += equations.diagonal(entry + c) * d * d;
            }
            if (cost < smallest) {
                smallest = cost;
                best = scale;
            }
        }
        return best;
    }

    /** Better integers for a row's codes, one at a time: entry e wants to be (b_e - Σ_f A_ef z_f) / A_ee, the sum without e itself. */
    private static void descend(
            int row, RowEquations equations, float[] scales, byte[] integers, Sketch sketch, TableFormat.Coded format) {
        int size = sketch.rowEntries();
        int first = row * size;
        double[] z = new double[size];
        for (int e = 0; e < size; e++) {
            z[e] = value(scales, integers, first + e, sketch.entries());
        }
        boolean changed = true;
        for (int pass = 0; pass < PASSES && changed; pass++) {
            changed = false;
            for (int e = 0; e < size; e++) {
                double diagonal = equations.diagonal(e);
                float scale = scales[(first + e) / sketch.entries()];
                if (!(diagonal > 0) || scale == 0) {
                    continue;
                }
                double wanted = z[e] + equations.residual(e, z) / diagonal;
                byte integer = (byte) Math.clamp(Math.rint(wanted / scale), -format.largest(), format.largest());
                if (integer != integers[first + e]) {
                    integers[first + e] = integer;
                    z[e] = value(scales, integers, first + e, sketch.entries());
                    changed = true;
                }
            }
        }
        System.arraycopy(z, 0, sketch.tables(), first, size);
    }

    /** As it is stored: one float product. */
    private static double value(float[] scales, byte[] integers, int entry, int entries) {
        float product = scales[entry / entries] * integers[entry];
        return product;
    }
}
