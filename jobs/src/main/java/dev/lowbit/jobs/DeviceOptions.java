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

/** Where a command computes. */
public final class DeviceOptions {
    private DeviceProvider provider;

    @Option(names = "--device", paramLabel = "NAME", description = "Where to compute: cpu or cuda (default: cpu).")
    private void device(String name) {
        provider = name.equals(Devices.CPU) ? null : Devices.named(name);
    }

    /** The device asked for, empty for the CPU; of nothing is taken hold yet. */
    public Optional<DeviceProvider> provider() {
        return Optional.ofNullable(provider);
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

    /** Refuses a device for a command that has no use for one. */
    public void requireCpu() {
        if (provider != null) {
            requireFound(provider);
            throw new DeviceException(
                    "--device " + provider.name()
                            + ": this command computes on the CPU, where its result has the same bytes on every machine; leave --device out");
        }
    }

    private static void requireFound(DeviceProvider provider) {
        if (provider.find() instanceof Finding.Absent<String>(String reason)) {
            throw new DeviceException("--device " + provider.name() + ": " + reason);
        }
    }
}
