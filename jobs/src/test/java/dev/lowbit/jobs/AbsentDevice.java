package dev.lowbit.jobs;

import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Finding;

/** {@code --device absent}: what a machine without a GPU says of one, also on a machine that has one. */
public final class AbsentDevice implements DeviceProvider {
    @Override
    public String name() {
        return "absent";
    }

    @Override
    public Finding<String> find() {
        return new Finding.Absent<>("no driver on this machine; install one");
    }

    @Override
    public Device open() {
        throw new AssertionError("opened although it is absent");
    }
}
