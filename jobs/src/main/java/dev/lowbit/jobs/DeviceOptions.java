package dev.lowbit.jobs;

import dev.lowbit.error.DeviceException;
import dev.lowbit.error.InvalidRequestException;
import picocli.CommandLine.Option;

/** Where a command computes. */
public final class DeviceOptions {
    @Option(names = "--device", paramLabel = "NAME", description = "Where to compute: cpu or cuda (default: cpu).")
    private void device(String name) {
        switch (name) {
            case "cpu" -> {}
            case "cuda" ->
                throw new DeviceException("--device cuda: this build computes on the CPU only; use --device cpu");
            default -> throw InvalidRequestException.usage("--device " + name + ": choose cpu or cuda");
        }
    }
}
