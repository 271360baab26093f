package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.JsonOutput;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.kernel.Workers;
import dev.lowbit.linalg.Norms;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.additive.AdditiveFormat;
import dev.lowbit.matrix.additive.AdditiveMatrix;
import dev.lowbit.matrix.aqlm.AqlmLayout;
import dev.lowbit.matrix.aqlm.AqlmPacker;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.ConfigFile;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.tensor.FloatMatrix;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * Every compressed matrix in the exchange layout of AQLM, without its low-rank part: the very codes and codewords that are stored, scales rounded to
 * F16. Readers know one size of tiles, codebooks and codes for the whole model. Codebooks that matrices share stand in each of them.
 */
final class AqlmMatrices implements ExportedMatrices {
    private static final String CONFIG = "config.json";

    /** Transformers has an output head even where the file has none, because it shares the embedding's weights. */
    private static final String HEAD = "lm_head.weight";

    private static final String ADVICE = "compress all matrices to one format such as aq2x8-g8-row-f16";
    private static final LinearLayers LAYERS = new LinearLayers("AQLM", ADVICE);
    private static final int BAND_VALUES = 1 << 22;

    private final Map<String, Object> config = new LinkedHashMap<>();
    private final boolean rounds;
    private double squaredChange;
    private double squaredNorm;

    /** @throws InvalidRequestException impossible, when the layout has no such model */
    AqlmMatrices(CompressedModel model) {
        List<MatrixEntry> entries = LAYERS.of(model);
        if (model.manifest().files().stream().noneMatch(file -> file.name().equals(CONFIG))) {
            throw InvalidRequestException.impossible(model.directory() + ": has no " + CONFIG
                    + ", where readers of AQLM look for the sizes of codes and codebooks; export --to safetensors");
        }
        AdditiveFormat first = layout(entries.getFirst()).exact();
        boolean inexact = false;
        Set<String> compressed = new TreeSet<>();
        for (MatrixEntry entry : entries) {
            AqlmLayout layout = layout(entry);
            if (!layout.exact().equals(first)) {
                throw LAYERS.mixed(
                        "one number of codebooks, one of bits and one size of tiles", entries.getFirst(), entry);
            }
            inexact |= !layout.format().equals(first);
            compressed.add(entry.name());
        }
        rounds = inexact;
        Set<String> dense = new TreeSet<>(LinearLayers.left(model, new TargetSelection(true, List.of(), List.of())));
        if (!compressed.contains(HEAD)) {
            dense.add(HEAD);
        }
        config.put("quant_method", "aqlm");
        config.put("in_group_size", first.inGroup());
        config.put("out_group_size", first.outGroup());
        config.put("num_codebooks", first.codebooks());
        config.put("nbits_per_codebook", first.codeBits());
        config.put("linear_weights_not_to_quantize", dense);
    }

    private static AqlmLayout layout(MatrixEntry entry) {
        if (!(LinearLayers.base(entry) instanceof AdditiveFormat format)) {
            throw LinearLayers.refused(
                    entry, "is " + entry.format() + ", and the AQLM layout has additive formats only; " + ADVICE);
        }
        try {
            return new AqlmLayout(entry.rows(), entry.columns(), format);
        } catch (InvalidRequestException e) {
            throw LinearLayers.misshapen(entry, e);
        }
    }

    @Override
    public List<SafetensorsWriter.Entry> tensors(MatrixEntry entry) {
        return LinearLayers.tensors(entry, layout(entry).tensors());
    }

    @Override
    public void write(MatrixEntry entry, QuantizedMatrix matrix, SafetensorsWriter writer, Workers workers) {
        AdditiveMatrix base = (AdditiveMatrix) PeftAdapter.base(matrix);
        AqlmPacker packer = new AqlmPacker(TargetSelection.layer(entry.name()), base);
        packer.write(writer::write);
        if (rounds) {
            measure(base, packer, workers);
        }
    }

    /** A scale that is changed by some part changes its weights by the same part. */
    private void measure(AdditiveMatrix matrix, AqlmPacker packer, Workers workers) {
        float[] scales = matrix.scales().values();
        int columns = matrix.columns();
        int bandRows = Math.clamp(BAND_VALUES / columns, 1, matrix.rows());
        try (FloatMatrix band = FloatMatrix.allocate(bandRows, columns)) {
            for (int from = 0; from < matrix.rows(); from += bandRows) {
                FloatMatrix part = band.rows(0, Math.min(bandRows, matrix.rows() - from));
                matrix.dequantize(from, part, workers);
                double[] norms = new double[part.rows()];
                workers.forEach(norms.length, i -> norms[i] = Norms.sumOfSquares(part.rows(i, 1), Workers.serial()));
                for (int i = 0; i < norms.length; i++) {
                    int p = (from + i) / matrix.additiveFormat().outGroup();
                    double change = scales[p] == 0 ? 0 : ((double) packer.scale(p) - scales[p]) / scales[p];
                    squaredChange += change * change * norms[i];
                    squaredNorm += norms[i];
                }
            }
        }
    }

    /** What the scales' rounding changed in all matrices written so far, ||Ŵ - Ŵ'||_F / ||Ŵ||_F. */
    double roundingError() {
        return squaredChange == 0 ? 0 : Math.sqrt(squaredChange / squaredNorm);
    }

    @Override
    public byte[] config(byte[] bytes) {
        return ConfigFile.withQuantization(bytes, JsonOutput.text(config).replace("\n", "\n  "));
    }
}
