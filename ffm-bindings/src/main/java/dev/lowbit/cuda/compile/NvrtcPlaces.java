package dev.lowbit.cuda.compile;

import dev.lowbit.cuda.driver.Toolkit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Where NVRTC may be: by name for the system's loader, in an installed CUDA toolkit, in a redist jar of org.bytedeco. */
final class NvrtcPlaces {
    /** Newest first; kernels are written for either. */
    private static final List<String> NAMES = List.of("libnvrtc.so.13", "libnvrtc.so.12");

    private static final String BUILTINS = "libnvrtc-builtins.so.";

    private NvrtcPlaces() {}

    /**
     * @param library a name for the loader, or an absolute path
     * @param builtins to be loaded before it
     */
    record Place(Path library, List<Path> builtins) {}

    static List<Place> all() {
        List<Place> places = new ArrayList<>();
        NAMES.forEach(name -> places.add(new Place(Path.of(name), List.of())));
        Toolkit.libraryFolders()
                .forEach(folder -> NAMES.stream()
                        .map(folder::resolve)
                        .filter(Files::isRegularFile)
                        .forEach(
                                library -> places.add(new Place(library.toAbsolutePath(), builtins(folder, library)))));
        BytedecoRedist.nvrtc().ifPresent(places::add);
        return places;
    }

    /** Those of the same major version: a machine may have several toolkits in one folder. */
    private static List<Path> builtins(Path folder, Path library) {
        String name = library.getFileName().toString();
        String prefix = BUILTINS + name.substring(name.lastIndexOf('.') + 1) + ".";
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.getFileName().toString().startsWith(prefix))
                    .sorted()
                    .toList();
        } catch (IOException e) {
            return List.of();
        }
    }
}
