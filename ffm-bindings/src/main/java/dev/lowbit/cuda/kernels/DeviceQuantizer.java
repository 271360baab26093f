package dev.lowbit.cuda.kernels;

import dev.lowbit.codebook.Codebook;
import dev.lowbit.cuda.compile.KernelLibrary;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.error.NonFiniteWeightException;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.Part;
import dev.lowbit.matrix.affine.AffineFormat;
import dev.lowbit.matrix.affine.AffineMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.block.BlockGeometry;
import dev.lowbit.matrix.block.BlockMatrix;
import dev.lowbit.matrix.block.CodebookKind;
import dev.lowbit.matrix.packed.PackedCodes;
import dev.lowbit.matrix.scale.EncodedScales;
import dev.lowbit.matrix.scale.ScaleType;
import dev.lowbit.matrix.scale.StoredScales;
import dev.lowbit.matrix.sketch.SketchFormat;
import dev.lowbit.matrix.sketch.SketchMatrix;
import dev.lowbit.matrix.sketch.StoredTables;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Nearest codes on the device, bit for bit those of the CPU. What decides scales, zero points and tables by searching stays on the CPU; here they are given, or follow
 * from the largest magnitudes.
 *
 * <p>Weights must be finite: {@link NonFiniteWeightException} names the first that is not.
 */
public final class DeviceQuantizer {
    private static final String BLOCK = "block.cu";

    private final KernelLibrary library;

    public DeviceQuantizer(KernelLibrary library) {
        this.library = library;
    }

    /**
     * The codes that {@link dev.lowbit.matrix.block.BlockQuantizer#quantize(FloatMatrix, BlockFormat, Codebook, dev.lowbit.kernel.Workers)} gives: scales that are each
     * block's largest magnitude.
     *
     * @param weights rows x columns; not modified
     * @param codebook of the format's width
     * @throws InvalidRequestException when the format cannot hold this matrix's scales
     */
    public BlockMatrix block(FloatMatrix weights, BlockFormat format, Codebook codebook) {
        if (codebook.bits() != format.codeBits()) {
            throw new IllegalArgumentException(
                    format.id() + " needs " + format.codeBits() + "-bit codes, got a codebook of " + codebook.bits());
        }
        BlockGeometry geometry = format.geometry(weights.rows(), weights.columns());
        try (Owned memory = new Owned(library.cuda())) {
            DeviceMemory onDevice = memory.upload(weights.segment());
            EncodedScales scales = EncodedScales.encode(largest(weights, geometry, onDevice, memory), format.scales())
                    .orElseThrow(() -> InvalidRequestException.impossible(
                            format.id() + " cannot hold the block scales of this " + weights.rows() + " x "
                                    + weights.columns() + " matrix: they overflow; use bf16 or fp32 scales"));
            KernelArguments.Builder arguments = KernelArguments.builder()
                    .ofPointer(onDevice.address())
                    .ofLong(geometry.size())
                    .ofLong(geometry.lineLength())
                    .ofInt(geometry.groupSize())
                    .ofLong(geometry.blocksPerLine())
                    .ofPointer(memory.upload(scales.values()).address())
                    .ofPointer(memory.upload(codebook.midpoints()).address())
                    .ofInt(format.codeBits())
                    .ofInt(codebook.zeroCode());
            List<Part> parts = new ArrayList<>();
            parts.add(codes(BLOCK, "block_encode", arguments, geometry.size(), format.codeBits(), memory));
            parts.addAll(StoredScales.of(format.scales(), scales).parts());
            if (format.codebook() == CodebookKind.LC) {
                String name = format.layout(weights.rows(), weights.columns())
                        .getLast()
                        .name();
                parts.add(ScaleType.part(name, DType.F16, codebook.values()));
            }
            Map<String, Part> byName = new LinkedHashMap<>();
            parts.forEach(part -> byName.put(part.name(), part));
            return (BlockMatrix) format.read(weights.rows(), weights.columns(), byName);
        }
    }

    private float[] largest(FloatMatrix weights, BlockGeometry geometry, DeviceMemory onDevice, Owned memory) {
        float[] largest = new float[(int) geometry.blocks()];
        DeviceMemory result = memory.allocate((long) largest.length * Float.BYTES);
        KernelArguments arguments = KernelArguments.builder()
                .ofPointer(onDevice.address())
                .ofLong(geometry.lineLength())
                .ofInt(geometry.lines())
                .ofInt(geometry.groupSize())
                .ofLong(geometry.blocksPerLine())
                .ofPointer(result.address())
                .build();
        launch(BLOCK, "block_absmax", arguments, geometry.blocks() * Integer.SIZE);
        result.read(MemorySegment.ofArray(largest));
        for (float value : largest) {
            if (!Float.isFinite(value)) {
                Norms.requireFinite(weights);
            }
        }
        return largest;
    }

    /**
     * The codes nearest to weight / scale + zero point, as {@link dev.lowbit.matrix.affine.AffineQuantizer} takes them without a Hessian.
     *
     * @param weights rows x columns; not modified
     * @param format not indexed
     * @param scales one for each group, rows after rows
     * @param zeros one for each group, also where the format is symmetric; not modified
     */
    public AffineMatrix affine(FloatMatrix weights, AffineFormat format, EncodedScales scales, byte[] zeros) {
        if (format.indexed()) {
            throw InvalidRequestException.usage(
                    format.id() + " is only read, not written: leave out -gidx, its groups are no better");
        }
        Norms.requireFinite(weights);
        int columns = weights.columns();
        try (Owned memory = new Owned(library.cuda())) {
            KernelArguments.Builder arguments = KernelArguments.builder()
                    .ofPointer(memory.upload(weights.segment()).address())
                    .ofLong(weights.size())
                    .ofInt(columns)
                    .ofInt(format.groupColumns(columns))
                    .ofInt(format.groupsOfRow(columns))
                    .ofPointer(memory.upload(scales.values()).address())
                    .ofPointer(memory.upload(MemorySegment.ofArray(zeros)).address())
                    .ofInt(format.codeBits());
            Part codes = codes("affine.cu", "affine_encode", arguments, weights.size(), format.codeBits(), memory);
            return AffineMatrix.of(
                    weights.rows(),
                    columns,
                    format,
                    codes.bytes(),
                    scales,
                    format.symmetric() ? new byte[0] : zeros,
                    new int[0]);
        }
    }

    /**
     * The nearest entry of its table for each weight, of equal ones the first.
     *
     * @param weights rows x columns; not modified
     * @param tables rows x groups of the format
     */
    public SketchMatrix sketch(FloatMatrix weights, SketchFormat format, StoredTables tables) {
        Norms.requireFinite(weights);
        int columns = weights.columns();
        try (Owned memory = new Owned(library.cuda())) {
            KernelArguments.Builder arguments = KernelArguments.builder()
                    .ofPointer(memory.upload(weights.segment()).address())
                    .ofLong(weights.size())
                    .ofInt(columns)
                    .ofInt(format.groups())
                    .ofInt(format.groupColumns(columns))
                    .ofPointer(memory.upload(tables.toArray()).address())
                    .ofInt(format.codeBits());
            Part codes = codes("sketch.cu", "sketch_encode", arguments, weights.size(), format.codeBits(), memory);
            return SketchMatrix.of(weights.rows(), columns, format, codes.bytes(), tables);
        }
    }

    /** Runs a kernel whose last argument is where packed codes go. */
    private Part codes(
            String file, String kernel, KernelArguments.Builder arguments, long count, int bits, Owned memory) {
        MemorySegment codes = PackedCodes.allocate(count, bits);
        DeviceMemory result = memory.allocate(codes.byteSize());
        launch(file, kernel, arguments.ofPointer(result.address()).build(), Math.ceilDiv(count, (long) Byte.SIZE));
        result.read(codes);
        return Part.of("codes", DType.U8, codes);
    }

    private void launch(String file, String kernel, KernelArguments arguments, long threads) {
        int blocks = PlacedMatrix.blocksOver(library.cuda(), threads);
        library.kernel(file, kernel).launch(library.cuda().stream(), blocks, 1, PlacedMatrix.THREADS, 0, arguments);
    }
}
