package dev.lowbit.matrix.lookup;

import dev.lowbit.kernel.Workers;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.LargeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Codes and scales in the order in which lookups read them: for each part of the rows domain after domain, and for each domain block after block. So a thread that has a part
 * reads memory from one end to the other, while a domain's tables stay in its first-level cache. Immutable.
 */
final class LookupWeights {
    /** Blocks that are worth the tables that a part needs. */
    private static final int MIN_BLOCKS = 4;

    private static final long ALIGNMENT = 64;
    private static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT_UNALIGNED;

    final LookupShape shape;
    final int[] firstLookups;

    /** Bytes of the index values of a block for one lookup. */
    private final int ofLookup;

    /** How many parts, as many as threads that made them. */
    final int parts;

    final MemorySegment codes;
    final MemorySegment scales;

    /** Null where there are none. */
    final MemorySegment offsets;

    LookupWeights(LookupShape shape, LookupSource source, Workers workers) {
        this.shape = shape;
        this.firstLookups = shape.firstLookups();
        this.ofLookup = LookupShape.BLOCK_ROWS * shape.indexBytes();
        this.parts = Math.clamp(shape.blocks() / MIN_BLOCKS, 1, workers.parallelism());
        long padded = (long) shape.blocks() * LookupShape.BLOCK_ROWS;
        Arena memory = Arena.ofAuto();
        this.codes = LargeMemory.allocate(padded * lookups() * shape.indexBytes(), ALIGNMENT, memory);
        this.scales = LargeMemory.allocate(padded * shape.groups() * Short.BYTES, ALIGNMENT, memory);
        this.offsets = source.hasOffsets() ? LargeMemory.allocate(scales.byteSize(), ALIGNMENT, memory) : null;
        workers.forEach(parts, part -> fill(part, source));
    }

    /** Index values of a row. */
    int lookups() {
        return firstLookups[firstLookups.length - 1];
    }

    /** Bytes of everything. */
    long bytes() {
        return codes.byteSize() + scales.byteSize() + (offsets == null ? 0 : offsets.byteSize());
    }

    /** The first block of a part; of {@link #parts} the end. */
    int firstBlock(int part) {
        return (int) ((long) shape.blocks() * part / parts);
    }

    /** Where the index values of a part begin in a domain, block after block. */
    long codesAt(int part, int domain) {
        int first = firstBlock(part);
        int blocks = firstBlock(part + 1) - first;
        return ofLookup * ((long) first * lookups() + (long) blocks * firstLookups[domain]);
    }

    /** Where the scales of a part begin in a group, and its offsets, block after block. */
    long scalesAt(int part, int group) {
        int first = firstBlock(part);
        long values = (long) first * shape.groups() + (long) (firstBlock(part + 1) - first) * group;
        return values * LookupShape.BLOCK_ROWS * Short.BYTES;
    }

    private void fill(int part, LookupSource source) {
        for (int block = firstBlock(part); block < firstBlock(part + 1); block++) {
            fill(part, block - firstBlock(part), block * LookupShape.BLOCK_ROWS, source);
        }
    }

    private void fill(int part, int block, int from, LookupSource source) {
        byte[] ofRow = new byte[shape.codesOfRow()];
        byte[] bytes = new byte[ofLookup * lookups()];
        float[] ofGroups = new float[shape.groups()];
        for (int row = from; row < Math.min(shape.rows(), from + LookupShape.BLOCK_ROWS); row++) {
            source.codes(row, ofRow);
            place(ofRow, bytes, row - from);
            source.scales(row, ofGroups);
            place(part, block, ofGroups, scales, DomainKernels.shortOf(row - from));
            if (offsets != null) {
                source.offsets(row, ofGroups);
                place(part, block, ofGroups, offsets, DomainKernels.shortOf(row - from));
            }
        }
        for (int domain = 0; domain < shape.domains(); domain++) {
            int at = firstLookups[domain] * ofLookup;
            int length = firstLookups[domain + 1] * ofLookup - at;
            MemorySegment.copy(
                    bytes, at, codes, ValueLayout.JAVA_BYTE, codesAt(part, domain) + (long) block * length, length);
        }
    }

    private void place(byte[] codesOfRow, byte[] bytes, int row) {
        boolean words = shape.indexBytes() == Short.BYTES;
        int slot = words ? Short.BYTES * DomainKernels.shortOf(row) : DomainKernels.byteOf(row);
        for (int domain = 0; domain < shape.domains(); domain++) {
            int perLookup = shape.codesOfIndex();
            int first = perLookup == 1 ? firstLookups[domain] : shape.start(domain);
            int end = perLookup == 1 ? firstLookups[domain + 1] : shape.end(domain);
            for (int lookup = firstLookups[domain]; first < end; lookup++, first += perLookup) {
                int index = 0;
                for (int j = Math.min(perLookup, end - first) - 1; j >= 0; j--) {
                    index = index << shape.codeBits() | codesOfRow[first + j] & 0xff;
                }
                bytes[lookup * ofLookup + slot] = (byte) index;
                if (words) {
                    bytes[lookup * ofLookup + slot + 1] = (byte) (index >> Byte.SIZE);
                }
            }
        }
    }

    private void place(int part, int block, float[] values, MemorySegment out, int slot) {
        long at = (long) (block * LookupShape.BLOCK_ROWS + slot) * Short.BYTES;
        for (int group = 0; group < values.length; group++) {
            out.set(BF16, scalesAt(part, group) + at, bf16(values[group]));
        }
    }

    /** The largest finite values stay finite. */
    private static short bf16(float value) {
        float rounded = ScaleType.round(DType.BF16, value);
        return (short) (Float.floatToRawIntBits(Float.isInfinite(rounded) ? value : rounded) >>> Short.SIZE);
    }
}
