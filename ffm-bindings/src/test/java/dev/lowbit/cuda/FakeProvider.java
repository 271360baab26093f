package dev.lowbit.cuda;

import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.device.Device;
import dev.lowbit.device.DeviceProvider;
import dev.lowbit.device.Finding;

/** The fake driver's device for {@code --device fake}, in tests only. */
public final class FakeProvider implements DeviceProvider {
    private static long nextMemory;

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

    /** The next device that is opened has this many bytes. */
    public static void limitNext(long bytes) {
        nextMemory = bytes;
    }

    @Override
    public Device open() {
        Cuda cuda = Cuda.open(FakeCuda.driver(), 0);
        if (nextMemory != 0) {
            FakeCuda.setMemory(nextMemory);
            nextMemory = 0;
        }
        return new CudaDevice(cuda, FakeCuda.images(), "fake device");
    }
}
