package dev.lowbit.cuda.compile;

import java.io.File;
import java.lang.reflect.InvocationTargetException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * NVRTC as org.bytedeco's redist jar brings it, unpacked by javacpp's loader into its cache. Neither is a dependency: who wants them puts them on the class path. No class of theirs that needs a
 * driver is touched.
 */
final class BytedecoRedist {
    private static final String LIBRARY = "libnvrtc.so.12";
    private static final String BUILTINS = "libnvrtc-builtins.so.12.9";

    private BytedecoRedist() {}

    /** NVRTC of the redist jar; empty without that jar or without javacpp. */
    static Optional<NvrtcPlaces.Place> nvrtc() {
        String folder = "org/bytedeco/cuda/linux-" + (arm() ? "arm64" : "x86_64") + "/";
        ClassLoader loader = BytedecoRedist.class.getClassLoader();
        if (loader.getResource(folder + LIBRARY) == null) {
            return Optional.empty();
        }
        try {
            Class<?> javacpp = Class.forName("org.bytedeco.javacpp.Loader", true, loader);
            Path builtins = unpack(javacpp, folder + BUILTINS);
            return Optional.of(new NvrtcPlaces.Place(unpack(javacpp, folder + LIBRARY), List.of(builtins)));
        } catch (ReflectiveOperationException e) {
            return Optional.empty();
        }
    }

    private static boolean arm() {
        return System.getProperty("os.arch").toLowerCase(Locale.ROOT).startsWith("aarch64");
    }

    private static Path unpack(Class<?> javacpp, String resource) throws ReflectiveOperationException {
        Object file = javacpp.getMethod("cacheResource", String.class).invoke(null, "/" + resource);
        if (file == null) {
            throw new InvocationTargetException(null, resource + " is not in the jar");
        }
        return ((File) file).toPath().toAbsolutePath();
    }
}
