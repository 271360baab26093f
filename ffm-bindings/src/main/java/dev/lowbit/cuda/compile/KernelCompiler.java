package dev.lowbit.cuda.compile;

import dev.lowbit.device.Finding;
import dev.lowbit.error.DeviceException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;

/**
 * The kernels of this program for one kind of device: compiled by NVRTC and kept on disk, or, where there is no NVRTC, compiled when this program was built.
 */
public final class KernelCompiler implements ImageSource {
    private final Finding<Nvrtc> nvrtc;
    private final CubinCache cache;
    private final int capability;

    /** @param capability of the device: 90 for 9.0 */
    public KernelCompiler(Finding<Nvrtc> nvrtc, CubinCache cache, int capability) {
        this.nvrtc = nvrtc;
        this.cache = cache;
        this.capability = capability;
    }

    @Override
    public MemorySegment image(String kernelFile) {
        KernelSource source = KernelSource.of(kernelFile);
        byte[] image = switch (nvrtc) {
            case Finding.Found<Nvrtc> found -> compiled(found.value(), source);
            case Finding.Absent<Nvrtc> absent ->
                PrebuiltImages.find(source, capability)
                        .orElseThrow(() -> new DeviceException("no " + kernelFile + " for compute capability "
                                + text(capability) + ": " + absent.reason()
                                + ", or build Lowbit with -Pcuda-prebuilt"));
        };
        // The driver reads PTX as far as a zero byte.
        return Arena.ofAuto()
                .allocate(image.length + 1)
                .copyFrom(MemorySegment.ofArray(image))
                .asReadOnly();
    }

    private byte[] compiled(Nvrtc compiler, KernelSource source) {
        Target target = switch (target(compiler)) {
            case Finding.Found<Target> found -> found.value();
            case Finding.Absent<Target> absent -> throw new DeviceException(absent.reason());
        };
        String version = compiler.version();
        Optional<byte[]> stored = cache.read(source, target, version);
        if (stored.isPresent()) {
            return stored.get();
        }
        byte[] image = compiler.compile(source, target);
        cache.write(source, target, version, image);
        return image;
    }

    /** Code of the device where the compiler knows it; PTX for the newest that it knows where the device is newer still. */
    private Finding<Target> target(Nvrtc compiler) {
        List<Integer> known = compiler.capabilities();
        if (known.contains(capability)) {
            return new Finding.Found<>(Target.cubin(capability));
        }
        return known.stream()
                .filter(older -> older < capability)
                .max(Integer::compare)
                .<Finding<Target>>map(newest -> new Finding.Found<>(Target.ptx(newest)))
                .orElseGet(() -> new Finding.Absent<>("NVRTC " + compiler.version() + " (" + compiler.place()
                        + ") compiles for no device as old as compute capability " + text(capability)
                        + "; use an older CUDA toolkit or a newer device"));
    }

    /** How kernels are had here, in words; or why they are not. */
    public Finding<String> find() {
        return switch (nvrtc) {
            case Finding.Found<Nvrtc> found ->
                switch (target(found.value())) {
                    case Finding.Found<Target> target ->
                        new Finding.Found<>("NVRTC " + found.value().version() + " ("
                                + found.value().place() + ")");
                    case Finding.Absent<Target> absent -> new Finding.Absent<>(absent.reason());
                };
            case Finding.Absent<Nvrtc> absent -> {
                boolean all = KernelSource.NAMES.stream()
                        .allMatch(name -> PrebuiltImages.find(KernelSource.of(name), capability)
                                .isPresent());
                yield all
                        ? new Finding.Found<>("prebuilt kernels")
                        : new Finding.Absent<>(absent.reason() + ", or build Lowbit with -Pcuda-prebuilt");
            }
        };
    }

    private static String text(int capability) {
        return capability / 10 + "." + capability % 10;
    }
}
