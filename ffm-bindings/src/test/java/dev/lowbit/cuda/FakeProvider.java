package dev.lowbit.cuda;

import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Finding;

/** The fake driver's device for {@code --device fake}, in tests only. */
public final class FakeProvider implements DeviceProvider {
    @Override
    public String name() {
        return "fake";
    }

    @Override
    public Finding<String> find() {
        return NativeBuild.hasCompiler()
                ? new Finding.Found<>("fake device")
                : new Finding.Absent<>("no g++ on this machine");
    }

    @Override
    public Device open() {
        return new CudaDevice(Cuda.open(FakeCuda.driver(), 0), FakeCuda.images(), "fake device");
    }
}
