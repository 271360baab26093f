package dev.lowbit.matrix.lookup;

/**
 * How a row is cut for products by lookup. An index value holds some codes, in one byte or two. Columns are cut into domains that do not cross groups: within one, products
 * are integers in one unit.
 *
 * @param rows outputs
 * @param columns inputs
 * @param groupColumns columns that share a scale; the last group of a row may have fewer
 * @param span columns that an index stands for
 * @param codebooks indices that stand for the same columns and are added
 * @param codesOfIndex codes in an index
 * @param codeBits bits of each, in an index
 * @param domainSpans columns of a domain at most, in spans
 */
record LookupShape(
        int rows,
        int columns,
        int groupColumns,
        int span,
        int codebooks,
        int codesOfIndex,
        int codeBits,
        int domainSpans) {
    /** Rows that are looked up together: two registers of bytes. */
    static final int BLOCK_ROWS = 128;

    /** Bytes that 16 bits can add up. */
    static final int MAX_LOOKUPS = 257;

    /** Entries of a table in one register. */
    static final int SMALL_TABLE = 64;

    /** Entries of a table in four registers, whatever a byte can be. */
    static final int LARGE_TABLE = 256;

    /** Columns of a domain of tables, about: fewer make finer units, more make fewer conversions to floats. */
    private static final int DOMAIN_COLUMNS = 64;

    /** Bytes of the tables of both halves of an index byte. */
    static final int HALF_TABLES = 32;

    private static final int MAX_TABLES = 1 << 28;

    /** A code for each weight: as many in an index as a byte holds. */
    static LookupShape ofCodes(int rows, int columns, int groupColumns, int bits) {
        int codes = Byte.SIZE / bits;
        return new LookupShape(rows, columns, groupColumns, codes, 1, codes, bits, DOMAIN_COLUMNS / codes);
    }

    /** A code for each weight, as many in each half of an index as that holds. */
    static LookupShape ofHalves(int rows, int columns, int groupColumns, int bits) {
        int codes = Byte.SIZE / bits;
        return new LookupShape(rows, columns, groupColumns, codes, 1, codes, Byte.SIZE / codes, DOMAIN_COLUMNS / codes);
    }

    /** A code of 0 to {@code 2 middle - 1} for each weight, in words of {@link IntegerKernels}. */
    static LookupShape ofWords(int rows, int columns, int groupColumns, int wordBits, int middle) {
        int codes = IntegerKernels.span(wordBits);
        int spans = IntegerKernels.columns(middle) / codes;
        return new LookupShape(rows, columns, groupColumns, codes, 1, codes, wordBits, spans);
    }

    /** A code of each codebook for every tile of {@code tileColumns} columns. */
    static LookupShape ofCodewords(int rows, int columns, int groupColumns, int tileColumns, int codebooks, int bits) {
        int spans = Math.max(1, Math.min(DOMAIN_COLUMNS / tileColumns, MAX_LOOKUPS / codebooks));
        return new LookupShape(rows, columns, groupColumns, tileColumns, codebooks, 1, bits, spans);
    }

    /** Whether the tables of a token fit an array with room to spare. */
    boolean isPossible() {
        return (long) Math.ceilDiv(columns, span) * codebooks * LARGE_TABLE <= MAX_TABLES;
    }

    /** Bytes of a table with at least so many entries. */
    static int table(int entries) {
        return entries <= SMALL_TABLE ? SMALL_TABLE : LARGE_TABLE;
    }

    /** Room for the codes of a row: one for each column, or for each tile and codebook. */
    int codesOfRow() {
        return Math.ceilDiv(columns, span) * codebooks * codesOfIndex;
    }

    int groups() {
        return Math.ceilDiv(columns, groupColumns);
    }

    /** Blocks of rows, the last filled up. */
    int blocks() {
        return Math.ceilDiv(rows, BLOCK_ROWS);
    }

    private int domainColumns() {
        return Math.min(groupColumns, span * domainSpans);
    }

    private int domainsOfGroup() {
        return Math.ceilDiv(groupColumns, domainColumns());
    }

    int domains() {
        int full = columns / groupColumns;
        return full * domainsOfGroup() + Math.ceilDiv(columns - full * groupColumns, domainColumns());
    }

    int group(int domain) {
        return domain / domainsOfGroup();
    }

    /** The first column of a domain. */
    int start(int domain) {
        return group(domain) * groupColumns + domain % domainsOfGroup() * domainColumns();
    }

    /** The column behind a domain. */
    int end(int domain) {
        int endOfGroup = Math.min(columns, (group(domain) + 1) * groupColumns);
        return Math.min(endOfGroup, start(domain) + domainColumns());
    }

    /** Bytes of an index value: one, or two in the order of 16-bit numbers. */
    int indexBytes() {
        return Math.ceilDiv(codesOfIndex * codeBits, Byte.SIZE);
    }

    /** For each domain the number of index values of a row before it; the last entry is that of the row. */
    int[] firstLookups() {
        int[] first = new int[domains() + 1];
        for (int domain = 0; domain < domains(); domain++) {
            first[domain + 1] = first[domain] + Math.ceilDiv(end(domain) - start(domain), span) * codebooks;
        }
        return first;
    }
}
