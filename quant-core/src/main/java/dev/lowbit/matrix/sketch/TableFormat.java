package dev.lowbit.matrix.sketch;

import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.ScaleFormat;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How the tables of a sketch are stored. */
public sealed interface TableFormat {
    /** The part with the entries themselves, tables x entries. */
    String TABLES = "tables";

    /** The part with a code for each entry. */
    String TABLE_CODES = "table_codes";

    /**
     * The parts that hold so many tables, in their fixed order.
     *
     * @param tables rows x groups
     * @param entries of a table
     */
    List<PartSpec> layout(int tables, int entries);

    /** The identifier's part about tables, for example {@code f16} or {@code t6-s6x64-bf16}. */
    String id();

    /**
     * Every entry a float.
     *
     * @param type F16, BF16 or F32
     */
    record Direct(DType type) implements TableFormat {
        public Direct {
            ScaleType.check(type);
        }

        @Override
        public List<PartSpec> layout(int tables, int entries) {
            return List.of(new PartSpec(TABLES, type, List.of((long) tables, (long) entries)));
        }

        @Override
        public String id() {
            return new ScaleFormat.OneLevel(type).id();
        }
    }

    /**
     * Every entry an integer q from -L to L = 2^(bits - 1) - 1 times the scale of its table, stored as the code q + L.
     *
     * @param bits of a code, 3 to 8
     * @param scales how the scales are stored, one for each table
     */
    record Coded(int bits, ScaleFormat scales) implements TableFormat {
        private static final int LEAST_BITS = 3;

        public Coded {
            if (bits < LEAST_BITS || bits > Byte.SIZE) {
                throw InvalidRequestException.usage("entries of tables have 3 to 8 bits, or are floats; got " + bits);
            }
        }

        /** L, the largest integer. */
        public int largest() {
            return (1 << (bits - 1)) - 1;
        }

        @Override
        public List<PartSpec> layout(int tables, int entries) {
            List<PartSpec> parts = new ArrayList<>();
            parts.add(PartSpec.of(TABLE_CODES, DType.U8, PackedCodes.bytes((long) tables * entries, bits)));
            parts.addAll(scales.layout(tables));
            return parts;
        }

        @Override
        public String id() {
            return "t" + bits + "-" + scales.id();
        }
    }

    /** The inverse of {@link #id()}; empty when the text is something else. */
    static Optional<TableFormat> parse(String id) {
        Matcher coded = Ids.CODED.matcher(id);
        if (coded.matches()) {
            return ScaleFormat.parse(coded.group(2)).map(scales -> new Coded(Integer.parseInt(coded.group(1)), scales));
        }
        return ScaleFormat.parse(id)
                .filter(ScaleFormat.OneLevel.class::isInstance)
                .map(one -> new Direct(((ScaleFormat.OneLevel) one).type()));
    }

    /** Keeps the pattern out of the interface's public face. */
    final class Ids {
        private static final Pattern CODED = Pattern.compile("t([3-8])-(.+)");

        private Ids() {}
    }
}
