package dev.lowbit.cuda.compile;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Kernels that were compiled when this program was built (profile {@code cuda-prebuilt}), for machines without NVRTC. They count only while the source in this program is the one that they were
 * compiled from.
 */
final class PrebuiltImages {
    /** The targets of {@code prebuilt.sh}. */
    static final List<Target> TARGETS = List.of(Target.cubin(80), Target.cubin(90), Target.cubin(100), Target.ptx(80));

    private static final String FOLDER = "/dev/lowbit/cuda/prebuilt/";

    private PrebuiltImages() {}

    /**
     * What runs on a device: its own code, or that of a lower minor version (8.6 runs 8.0's), or PTX of any lower version.
     *
     * @param capability 90 for 9.0
     */
    static Optional<byte[]> find(KernelSource source, int capability) {
        if (!current(source)) {
            return Optional.empty();
        }
        return TARGETS.stream()
                .filter(target -> target.capability() <= capability)
                .filter(target -> !target.binary() || target.capability() / 10 == capability / 10)
                .findFirst()
                .flatMap(target -> resource(file(source.name(), target)));
    }

    private static String file(String source, Target target) {
        return source.substring(0, source.lastIndexOf('.')) + "." + target + (target.binary() ? ".cubin" : ".ptx");
    }

    /** Whether the digests written beside the images are those of this source. */
    private static boolean current(KernelSource source) {
        Map<String, String> built = resource("sources.sha256")
                .map(bytes -> new String(bytes, StandardCharsets.UTF_8)
                        .lines()
                        .map(line -> line.split("\\s+[*]?"))
                        .filter(fields -> fields.length == 2)
                        .collect(Collectors.toMap(fields -> fields[1], fields -> fields[0])))
                .orElse(Map.of());
        return built.entrySet().containsAll(source.digests().entrySet());
    }

    private static Optional<byte[]> resource(String name) {
        try (InputStream stream = PrebuiltImages.class.getResourceAsStream(FOLDER + name)) {
            return stream == null ? Optional.empty() : Optional.of(stream.readAllBytes());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
