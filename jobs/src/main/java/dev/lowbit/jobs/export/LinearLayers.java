package dev.lowbit.jobs.export;

import dev.lowbit.checkpoint.SafetensorsWriter;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.jobs.compress.TargetSelection;
import dev.lowbit.matrix.MatrixFormat;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.PartSpec;
import dev.lowbit.matrix.sum.SumFormat;
import dev.lowbit.store.CompressedModel;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.TensorEntry;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What the exchange layouts of quantized linear layers have in common: several tensors in place of each {@code <layer>.weight}.
 *
 * @param layout its name, for messages
 * @param advice how to compress for it
 */
record LinearLayers(String layout, String advice) {
    /** The format of a matrix without its low-rank part. */
    static MatrixFormat base(MatrixEntry entry) {
        MatrixFormat format = MatrixFormats.parse(entry.format());
        return format instanceof SumFormat sum ? sum.base() : format;
    }

    /** The compressed matrices, at least one, all of them weights of linear layers. */
    List<MatrixEntry> of(CompressedModel model) {
        List<MatrixEntry> entries = model.manifest().matrices();
        if (entries.isEmpty()) {
            throw InvalidRequestException.impossible(model.directory() + ": no matrix is compressed; " + advice);
        }
        entries.forEach(this::requireLinear);
        return entries;
    }

    private void requireLinear(MatrixEntry entry) {
        if (!TargetSelection.isWeight(entry.name())) {
            throw refused(entry, "is not called <layer>.weight, and the " + layout + " layout has linear layers only");
        }
        requireNoEmbedding(entry, layout);
    }

    /** Refuses a matrix that is looked up in instead of multiplied with. */
    static void requireNoEmbedding(MatrixEntry entry, String layout) {
        if (TargetSelection.isWeight(entry.name()) && TargetSelection.isEmbedding(entry.name())) {
            throw refused(
                    entry,
                    "is an embedding, and the " + layout
                            + " layout has linear layers only; compress without --embeddings");
        }
    }

    /** A layout has no such matrix, whose format is another one or of a shape that does not fit. */
    static InvalidRequestException refused(MatrixEntry entry, String why) {
        return InvalidRequestException.impossible(entry.name() + ": " + why);
    }

    /** A layout has no matrix of that shape. */
    static InvalidRequestException misshapen(MatrixEntry entry, InvalidRequestException why) {
        return refused(entry, why.getMessage() + "; leave it out with compress --skip, or export --to safetensors");
    }

    /** Readers know one setting for the whole model, and two matrices differ in it. */
    InvalidRequestException mixed(String setting, MatrixEntry one, MatrixEntry other) {
        return InvalidRequestException.impossible("readers of " + layout + " know " + setting + ", but " + one.name()
                + " is " + one.format() + " and " + other.name() + " is " + other.format() + "; " + advice);
    }

    /** Those of a selection that are not compressed, in the order of the manifest. */
    static List<String> left(CompressedModel model, TargetSelection selection) {
        Set<String> selected = new HashSet<>(selection.linear(model.checkpointOfOthers()));
        return model.manifest().tensors().stream()
                .map(TensorEntry::name)
                .filter(selected::contains)
                .toList();
    }

    /** The tensors that stand for a matrix. */
    static List<SafetensorsWriter.Entry> tensors(MatrixEntry entry, List<PartSpec> parts) {
        String layer = TargetSelection.layer(entry.name());
        return parts.stream()
                .map(part -> part.prefixed(layer))
                .map(part -> new SafetensorsWriter.Entry(part.name(), part.type(), part.shape()))
                .toList();
    }
}
