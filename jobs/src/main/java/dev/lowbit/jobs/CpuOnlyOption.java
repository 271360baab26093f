package dev.lowbit.jobs;

import dev.lowbit.device.DeviceProvider;
import dev.lowbit.error.DeviceException;
import java.util.Optional;
import picocli.CommandLine.Option;

/** {@code --device} of a command whose result has the same bytes on every machine: the CPU, or a refusal. */
public final class CpuOnlyOption {
    private Optional<DeviceProvider> provider = Optional.empty();

    @Option(
            names = "--device",
            paramLabel = "NAME",
            description =
                    "cpu (default); a device is refused: the result has the same bytes on every machine, so the CPU computes it.")
    private void device(String name) {
        provider = DeviceOptions.named(name);
    }

    /**
     * Refuses a device.
     *
     * @throws DeviceException saying why, or what is missing where there is none
     */
    public void requireCpu() {
        provider.ifPresent(asked -> {
            DeviceOptions.requireFound(asked);
            throw new DeviceException(
                    "--device " + asked.name()
                            + ": this command computes on the CPU, where its result has the same bytes on every machine; leave --device out");
        });
    }
}
