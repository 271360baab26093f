package dev.lowbit.jobs.update;

import dev.lowbit.store.Manifest;
import dev.lowbit.store.MatrixEntry;
import dev.lowbit.store.PartEntry;
import dev.lowbit.store.SharedParts;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** All parts of a compressed model under the names of their tensors. */
final class StoredParts {
    private StoredParts() {}

    /** Every part by the name of its tensor, sorted. */
    static Map<String, PartEntry> of(Manifest manifest) {
        Map<String, PartEntry> parts = new TreeMap<>();
        for (MatrixEntry matrix : manifest.matrices()) {
            matrix.parts().forEach(part -> parts.put(matrix.tensorName(part), part));
        }
        for (SharedParts set : manifest.shared()) {
            set.parts().forEach(part -> parts.put(set.tensorName(part), part));
        }
        return parts;
    }

    /** The tensor of each part of a matrix, those that it shares included, by the part's name. */
    static Map<String, String> tensorsOf(Manifest manifest, MatrixEntry matrix) {
        Map<String, String> tensors = new LinkedHashMap<>();
        matrix.parts().forEach(part -> tensors.put(part.name(), matrix.tensorName(part)));
        for (SharedParts set : manifest.shared()) {
            if (matrix.shared().filter(use -> use.id().equals(set.id())).isPresent()) {
                set.parts().forEach(part -> tensors.put(part.name(), set.tensorName(part)));
            }
        }
        return tensors;
    }

    /** What must agree in two models for one to be tuned from the other: names, shapes, formats and what is shared. */
    static List<List<Object>> formats(Manifest manifest) {
        return manifest.matrices().stream()
                .map(matrix -> List.<Object>of(
                        matrix.name(),
                        matrix.rows(),
                        matrix.columns(),
                        matrix.transposed(),
                        matrix.format(),
                        matrix.shared().map(use -> use.id()).orElse("")))
                .toList();
    }
}
