package dev.lowbit.cuda.driver;

import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** An installed CUDA toolkit: {@code CUDA_HOME}, {@code CUDA_PATH}, {@code /usr/local/cuda}. */
public final class Toolkit {
    private static final List<String> FOLDERS = List.of("lib64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib");

    private Toolkit() {}

    /** Where its libraries may be, the likeliest first; whether they are there is not looked at. */
    public static List<Path> libraryFolders() {
        return Stream.of(System.getenv("CUDA_HOME"), System.getenv("CUDA_PATH"), "/usr/local/cuda")
                .filter(home -> home != null && !home.isEmpty())
                .flatMap(home -> FOLDERS.stream().map(folder -> Path.of(home, folder)))
                .toList();
    }
}
