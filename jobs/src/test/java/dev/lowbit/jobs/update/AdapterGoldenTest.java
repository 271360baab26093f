package dev.lowbit.jobs.update;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.lowbit.SharedData;
import dev.lowbit.checkpoint.Checkpoint;
import dev.lowbit.compeft.CompressedUpdate;
import dev.lowbit.compeft.TernaryTensor;
import dev.lowbit.jobs.Lowbit;
import dev.lowbit.jobs.Tensors;
import dev.lowbit.tensor.DType;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Every published adapter in the shared data. */
class AdapterGoldenTest extends UpdateRuns {
    private static List<Path> adapters() throws IOException {
        try (Stream<Path> folders = Files.list(SharedData.folder("models"))) {
            List<Path> found = folders.filter(AdapterFolder::isIn).sorted().toList();
            assumeTrue(!found.isEmpty(), "skipped: no adapter in " + SharedData.folder("models"));
            return found;
        }
    }

    /** Real positions and signs are no worse than random ones, for which Rice codes are within 3 % of the bound. */
    @Test
    void sizesAreNearTheBoundAndDecodingIsExact() throws IOException {
        for (Path adapter : adapters()) {
            for (double density : new double[] {0.05, 0.2}) {
                String name = adapter.getFileName() + "-" + density;
                Lowbit run = lowbit(
                        "export",
                        adapter,
                        "--to",
                        "compeft",
                        "--density",
                        density,
                        "--out",
                        folder.resolve(name),
                        "--json");
                assertThat(run.code()).as(run.err()).isZero();
                JsonNode result = JsonMapper.shared().readTree(run.out());
                CompressedUpdate update = update(folder.resolve(name));
                assertThat(update.nonZeros()).isEqualTo(Math.round(density * update.entries()));
                double bound = update.entropyBits() / 8;
                // beside the codes, a payload has an index of 32 bits for each 4096 entries, one more, and 8 bytes for
                // each piece
                long index = 4 * (update.entries() / 4096 + 2) + 8;
                assertThat(update.payloadBytes() - index)
                        .as(name + " against " + bound)
                        // streams end in bytes that are not full, which counts where there is little else
                        .isLessThanOrEqualTo((long) (1.05 * bound) + 8);
                Path back = done(name + "-back", "import", folder.resolve(name));
                try (Checkpoint weights = Checkpoint.open(back.resolve("adapter_model.safetensors"))) {
                    assertThat(weights.names()).hasSameSizeAs(update.tensors());
                    for (TernaryTensor tensor : update.tensors()) {
                        byte[] expected = new byte[Math.toIntExact(4 * tensor.elements())];
                        tensor.decode(DType.F32, MemorySegment.ofArray(expected));
                        assertThat(Tensors.raw(weights, tensor.name())).isEqualTo(expected);
                    }
                }
                System.out.printf(
                        Locale.ROOT,
                        "%s: %s bytes, codes %.4f of the bound, %s times smaller than 32 bits, relative error %s%n",
                        name,
                        result.get("bytes"),
                        (update.payloadBytes() - index) / bound,
                        result.get("ratio"),
                        result.get("relativeError"));
            }
        }
    }
}
