package dev.lowbit.jobs;

import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Devices;
import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import dev.lowbit.error.InvalidRequestException;
import dev.lowbit.matrix.Accuracy;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where a command runs a model. */
public final class DeviceOptions {
    private Optional<DeviceProvider> provider = Optional.empty();

    @Option(names = "--device", paramLabel = "NAME", description = "Where to compute: cpu or cuda (default: cpu).")
    private void device(String name) {
        provider = named(name);
    }

    /** The device asked for, empty for the CPU; of nothing is taken hold yet. */
    public Optional<DeviceProvider> provider() {
        return provider;
    }

    /**
     * The device of that name, empty for the CPU.
     *
     * @throws InvalidRequestException usage, when no such name is known
     */
    public static Optional<DeviceProvider> named(String name) {
        return name.equals(Devices.CPU) ? Optional.empty() : Optional.of(Devices.named(name));
    }

    /**
     * Takes the device into use.
     *
     * @return null for the CPU
     * @throws DeviceException one sentence that says what is missing and how to get it
     * @throws InvalidRequestException usage for a device together with an accuracy that only the CPU's kernels know
     */
    public static Device open(Optional<DeviceProvider> asked, Accuracy accuracy) {
        if (asked.isEmpty()) {
            return null;
        }
        DeviceProvider provider = asked.get();
        if (accuracy != Accuracy.EXACT) {
            throw InvalidRequestException.usage("--accuracy " + AccuracyConverter.name(accuracy)
                    + " is about the CPU's kernels; leave it out with --device " + provider.name());
        }
        requireFound(provider);
        return provider.open();
    }

    /** Refuses a device that is not there. */
    static void requireFound(DeviceProvider provider) {
        if (provider.find() instanceof Finding.Absent<String>(String reason)) {
            throw new DeviceException("--device " + provider.name() + ": " + reason);
        }
    }
}
