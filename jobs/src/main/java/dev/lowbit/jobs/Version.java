package dev.lowbit.jobs;

import dev.lowbit.kernel.KernelLookup;
import picocli.CommandLine;

/** What {@code --version} prints: Lowbit, the JDK, the SIMD width. */
public final class Version implements CommandLine.IVersionProvider {
    /** Lowbit's own version; {@code development} when run from class folders. */
    public static String lowbit() {
        String version = Version.class.getPackage().getImplementationVersion();
        return version == null ? "development" : version;
    }

    /** The Java runtime, for example {@code 25.0.3+9 (Eclipse Adoptium)}. */
    public static String jdk() {
        return Runtime.version() + " (" + System.getProperty("java.vendor") + ")";
    }

    @Override
    public String[] getVersion() {
        return new String[] {"lowbit " + lowbit(), "JDK " + jdk(), "kernels: " + KernelLookup.description()};
    }
}
