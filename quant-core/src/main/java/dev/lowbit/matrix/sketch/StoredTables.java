package dev.lowbit.matrix.sketch;

import dev.lowbit.matrix.MalformedPartException;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.matrix.scale.StoredScales;
import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The tables of a sketch as they are stored. Immutable.
 *
 * <p>Entries with codes are one float product each: the scale of the table times the integer.
 */
public final class StoredTables {
    private final TableFormat format;
    private final int entries;
    private final List<Part> parts;
    private final float[] values;
    private final Optional<StoredScales> scales;

    private StoredTables(
            TableFormat format, int entries, List<Part> parts, float[] values, Optional<StoredScales> scales) {
        this.format = format;
        this.entries = entries;
        this.parts = List.copyOf(parts);
        this.values = values;
        this.scales = scales;
    }

    /**
     * Rounds tables to a format: floats to nearest; codes with the scales under which the largest entry of each table is the largest integer, as
     * far as their own format knows them. Empty when the format cannot hold them.
     *
     * @param wanted tables x entries, finite; not modified
     */
    public static Optional<StoredTables> round(float[] wanted, int entries, TableFormat format) {
        return switch (format) {
            case TableFormat.Direct direct -> {
                float[] rounded = new float[wanted.length];
                boolean finite = true;
                for (int i = 0; i < rounded.length; i++) {
                    rounded[i] = ScaleType.round(direct.type(), wanted[i]);
                    finite &= Float.isFinite(rounded[i]);
                }
                yield finite ? Optional.of(direct(rounded, entries, direct)) : Optional.empty();
            }
            case TableFormat.Coded coded ->
                EncodedScales.encode(scales(wanted, entries, coded), coded.scales())
                        .flatMap(scales ->
                                coded(nearest(wanted, entries, scales.values(), coded), entries, scales, coded));
        };
    }

    private static float[] scales(float[] wanted, int entries, TableFormat.Coded format) {
        float[] scales = new float[wanted.length / entries];
        for (int table = 0; table < scales.length; table++) {
            float largest = 0;
            for (int c = 0; c < entries; c++) {
                largest = Math.max(largest, Math.abs(wanted[table * entries + c]));
            }
            scales[table] = largest / format.largest();
        }
        return scales;
    }

    /**
     * The integers nearest to entries under given scales.
     *
     * @param wanted tables x entries; not modified
     * @param scales one for each table; not modified
     */
    public static byte[] nearest(float[] wanted, int entries, float[] scales, TableFormat.Coded format) {
        byte[] integers = new byte[wanted.length];
        for (int i = 0; i < integers.length; i++) {
            float ratio = wanted[i] / scales[i / entries];
            // a scale of 0 makes every entry 0: what is divided by it is infinite or no number
            integers[i] = Float.isFinite(ratio)
                    ? (byte) Math.clamp(Math.rint(ratio), -format.largest(), format.largest())
                    : 0;
        }
        return integers;
    }

    private static StoredTables direct(float[] values, int entries, TableFormat.Direct format) {
        Part flat = ScaleType.part(TableFormat.TABLES, format.type(), values);
        List<Long> shape = List.of((long) values.length / entries, (long) entries);
        return new StoredTables(
                format,
                entries,
                List.of(new Part(flat.name(), flat.type(), shape, flat.bytes())),
                values,
                Optional.empty());
    }

    /**
     * From integers and scales that somebody chose. Empty when a product overflows a float.
     *
     * @param integers tables x entries, each -L to L; not modified
     * @param scales one for each table
     */
    public static Optional<StoredTables> coded(
            byte[] integers, int entries, EncodedScales scales, TableFormat.Coded format) {
        StoredScales stored = StoredScales.of(format.scales(), scales);
        float[] values = products(integers, entries, stored.values());
        if (firstInfinite(values) >= 0) {
            return Optional.empty();
        }
        byte[] codes = new byte[integers.length];
        for (int i = 0; i < codes.length; i++) {
            codes[i] = (byte) (integers[i] + format.largest());
        }
        List<Part> parts = new ArrayList<>();
        parts.add(Part.of(TableFormat.TABLE_CODES, DType.U8, PackedCodes.pack(codes, format.bits())));
        parts.addAll(stored.parts());
        return Optional.of(new StoredTables(format, entries, parts, values, Optional.of(stored)));
    }

    private static float[] products(byte[] integers, int entries, float[] scales) {
        float[] values = new float[integers.length];
        for (int i = 0; i < values.length; i++) {
            values[i] = scales[i / entries] * integers[i];
        }
        return values;
    }

    private static int firstInfinite(float[] values) {
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(values[i])) {
                return i;
            }
        }
        return -1;
    }

    /**
     * Opens stored parts whose types and sizes are known to be right.
     *
     * @param parts by name; those of {@link TableFormat#layout} are read
     * @throws MalformedPartException when a value cannot be
     */
    static StoredTables read(TableFormat format, int tables, int entries, Map<String, Part> parts) {
        List<Part> own = format.layout(tables, entries).stream()
                .map(spec -> parts.get(spec.name()))
                .toList();
        return switch (format) {
            case TableFormat.Direct direct -> {
                float[] values = ScaleType.read(direct.type(), own.getFirst().bytes());
                requireFinite(values, TableFormat.TABLES);
                yield new StoredTables(format, entries, own, values, Optional.empty());
            }
            case TableFormat.Coded coded -> {
                StoredScales scales = StoredScales.read(coded.scales(), tables, parts);
                float[] values = products(integers(own.getFirst(), tables * entries, coded), entries, scales.values());
                requireFinite(values, TableFormat.TABLE_CODES);
                yield new StoredTables(format, entries, own, values, Optional.of(scales));
            }
        };
    }

    private static byte[] integers(Part part, int count, TableFormat.Coded format) {
        PackedCodes.requirePadding(part, count, format.bits());
        byte[] integers = PackedCodes.unpack(part.bytes(), count, format.bits());
        for (int i = 0; i < count; i++) {
            int code = integers[i] & 0xff;
            if (code > 2 * format.largest()) {
                throw new MalformedPartException(
                        part.name(),
                        "holds " + code + " at index " + i + "; codes of entries are 0 to " + 2 * format.largest());
            }
            integers[i] = (byte) (code - format.largest());
        }
        return integers;
    }

    private static void requireFinite(float[] values, String part) {
        int at = firstInfinite(values);
        if (at >= 0) {
            throw new MalformedPartException(
                    part, "gives " + values[at] + " at index " + at + "; entries of tables are finite");
        }
    }

    /** How they are stored. */
    public TableFormat format() {
        return format;
    }

    /** Entries of a table. */
    public int entries() {
        return entries;
    }

    /** The stored parts, in the order of {@link TableFormat#layout}. */
    public List<Part> parts() {
        return parts;
    }

    /** All entries, tables x entries; not a copy: do not modify. */
    float[] values() {
        return values;
    }

    /** All entries, tables x entries; a copy. */
    public float[] toArray() {
        return values.clone();
    }

    /** The scales of the tables; empty where entries are floats. */
    public Optional<StoredScales> scales() {
        return scales;
    }
}
