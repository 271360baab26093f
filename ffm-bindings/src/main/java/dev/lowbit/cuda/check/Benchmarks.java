package dev.lowbit.cuda.check;

import dev.lowbit.codebook.NormalFloat;
import dev.lowbit.cuda.CudaDevice;
import dev.lowbit.cuda.blas.Cublas;
import dev.lowbit.cuda.driver.Cuda;
import dev.lowbit.cuda.driver.DeviceMemory;
import dev.lowbit.cuda.driver.Event;
import dev.lowbit.cuda.driver.Graph;
import dev.lowbit.cuda.driver.Kernel;
import dev.lowbit.cuda.driver.KernelArguments;
import dev.lowbit.cuda.kernels.DeviceQuantizer;
import dev.lowbit.cuda.kernels.GramOnDevice;
import dev.lowbit.cuda.kernels.PlacedMatrix;
import dev.lowbit.device.Finding;
import dev.lowbit.matrix.MatrixFormats;
import dev.lowbit.matrix.QuantizedMatrix;
import dev.lowbit.matrix.block.BlockFormat;
import dev.lowbit.matrix.dense.DenseMatrix;
import dev.lowbit.tensor.DType;
import dev.lowbit.tensor.FloatMatrix;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What is measured on a device. Times are the device's own, between events around a series of launches, the median of several series; where Java's part is the question they
 * are the clock's. Products go round over copies that together are larger than the cache, as the layers of a model are.
 */
final class Benchmarks {
    private static final int SERIES = 5;
    private static final int MOST_LAUNCHES = 10_000;
    private static final int BATCH = 500;
    private static final int CACHES = 4;
    private static final double GIGA = 1e9;

    private final CudaDevice device;
    private final Cuda cuda;
    private final BenchmarkSizes sizes;
    private final PrintStream progress;
    private double copyBandwidth;

    /** One table of the report. */
    interface Part {
        List<Map<String, Object>> measure();
    }

    Benchmarks(CudaDevice device, BenchmarkSizes sizes, PrintStream progress) {
        this.device = device;
        this.cuda = device.library().cuda();
        this.sizes = sizes;
        this.progress = progress;
    }

    /** In the order in which they have to be measured: products are compared with the copy. */
    Map<String, Part> parts() {
        Map<String, Part> parts = new LinkedHashMap<>();
        parts.put("copy", this::copy);
        parts.put("launch", this::launch);
        parts.put("launchFromC", LaunchFromC::measure);
        parts.put("products", this::products);
        parts.put("cublas", this::cublas);
        parts.put("quantize", this::quantize);
        parts.put("gram", this::gram);
        return parts;
    }

    /** Bytes read and written. */
    private List<Map<String, Object>> copy() {
        long bytes = Math.min(sizes.copyBytes(), cuda.freeMemory() / 4);
        try (DeviceMemory from = cuda.allocate(bytes);
                DeviceMemory to = cuda.allocate(bytes)) {
            from.clear();
            double seconds = seconds(i -> to.copyFrom(from));
            copyBandwidth = 2 * bytes / seconds;
            return List.of(row("bytes", bytes, "seconds", seconds, "GBperSecond", copyBandwidth / GIGA));
        }
    }

    /** The kernel does next to nothing, so that what is left is the way to it. */
    private List<Map<String, Object>> launch() {
        Kernel kernel = device.library().kernel("gram.cu", "gram_accumulate");
        try (DeviceMemory memory = cuda.allocate(Double.BYTES)) {
            memory.clear();
            KernelArguments arguments = KernelArguments.builder()
                    .ofPointer(memory.address())
                    .ofInt(0)
                    .ofInt(1)
                    .ofPointer(memory.address())
                    .build();
            Runnable launch = () -> kernel.launch(cuda.stream(), 1, 1, 256, 0, arguments);
            List<Map<String, Object>> rows = new ArrayList<>();
            rows.add(clock("launch given to the stream", sizes.launches(), launch));
            rows.add(clock("launch and wait", sizes.launches() / 10, () -> {
                launch.run();
                cuda.stream().synchronize();
            }));
            try (Graph graph = cuda.stream().record(() -> {
                for (int i = 0; i < 10; i++) {
                    launch.run();
                }
            })) {
                rows.add(clock("graph of 10 launches", sizes.launches() / 10, graph::launch));
            }
            rows.add(clock("asking for free memory", sizes.launches() / 10, cuda::freeMemory));
            return rows;
        }
    }

    /** Of the calling thread for one call: the median of batches that the stream takes without making it wait. */
    private Map<String, Object> clock(String what, int times, Runnable call) {
        int batch = Math.clamp(times, 1, BATCH);
        double[] series = new double[Math.max(SERIES, times / batch)];
        for (int s = -1; s < series.length; s++) {
            cuda.stream().synchronize();
            long start = System.nanoTime();
            for (int i = 0; i < batch; i++) {
                call.run();
            }
            if (s >= 0) {
                series[s] = (double) (System.nanoTime() - start) / batch;
            }
        }
        return row("what", what, "nanoseconds", median(series), "calls", series.length * batch);
    }

    private List<Map<String, Object>> products() {
        List<Map<String, Object>> rows = new ArrayList<>();
        for (int[] shape : sizes.shapes()) {
            for (String format : sizes.formats()) {
                products(format, shape[0], shape[1], rows);
            }
        }
        return rows;
    }

    private void products(String format, int rows, int columns, List<Map<String, Object>> table) {
        QuantizedMatrix host = Samples.matrix(format, rows, columns, false);
        List<PlacedMatrix> copies = new ArrayList<>();
        int most = sizes.tokens().stream().mapToInt(Integer::intValue).max().orElseThrow();
        try (DeviceMemory x = cuda.allocate((long) most * columns * Float.BYTES);
                DeviceMemory y = cuda.allocate((long) most * rows * Float.BYTES)) {
            for (int i = 0; i < copies(host.bytes()); i++) {
                copies.add(device.place(host));
            }
            x.write(Samples.normal(most, columns, 1).segment());
            for (int tokens : sizes.tokens()) {
                double seconds = seconds(i -> copies.get(i % copies.size()).multiply(x, tokens, y, cuda.stream()));
                Map<String, Object> row = row("format", format);
                row.putAll(product(rows, columns, tokens, host.bytes(), copies.size(), seconds));
                table.add(row);
            }
            progress.printf("  %s %d x %d%n", format, rows, columns);
        } finally {
            copies.forEach(PlacedMatrix::close);
        }
    }

    /** @param bytes of the weights, which a product reads once */
    private Map<String, Object> product(int rows, int columns, int tokens, long bytes, int copies, double seconds) {
        return row(
                "rows",
                rows,
                "columns",
                columns,
                "tokens",
                tokens,
                "bytes",
                bytes,
                "copies",
                copies,
                "microseconds",
                seconds * 1e6,
                "GBperSecond",
                bytes / seconds / GIGA,
                "ofCopy",
                bytes / seconds / copyBandwidth);
    }

    private int copies(long bytes) {
        long cache = (long) CACHES * cuda.cacheBytes();
        return Math.clamp(Math.ceilDiv(cache, bytes), 1, 64);
    }

    /** bf16 weights, which packed ones are compared with. */
    private List<Map<String, Object>> cublas() {
        switch (Cublas.open(cuda)) {
            case Finding.Absent<Cublas> absent -> {
                return List.of(row("absent", absent.reason()));
            }
            case Finding.Found<Cublas> found -> {
                try (Cublas blas = found.value()) {
                    List<Map<String, Object>> rows = new ArrayList<>();
                    sizes.shapes().forEach(shape -> cublas(blas, shape[0], shape[1], rows));
                    return rows;
                }
            }
        }
    }

    private void cublas(Cublas blas, int rows, int columns, List<Map<String, Object>> table) {
        QuantizedMatrix host = Samples.matrix("bf16", rows, columns, false);
        int most = sizes.tokens().stream().mapToInt(Integer::intValue).max().orElseThrow();
        FloatMatrix x = Samples.normal(most, columns, 1);
        QuantizedMatrix narrow = DenseMatrix.of(x, DType.BF16);
        List<DeviceMemory> copies = new ArrayList<>();
        try (DeviceMemory input = cuda.allocate(narrow.bytes());
                DeviceMemory output = cuda.allocate((long) most * rows * Float.BYTES)) {
            for (int i = 0; i < copies(host.bytes()); i++) {
                DeviceMemory weights = cuda.allocate(host.bytes());
                copies.add(weights);
                weights.write(host.parts().getFirst().bytes());
            }
            input.write(narrow.parts().getFirst().bytes());
            for (int tokens : sizes.tokens()) {
                double seconds = seconds(
                        i -> blas.multiply(copies.get(i % copies.size()), rows, columns, input, tokens, output));
                table.add(product(rows, columns, tokens, host.bytes(), copies.size(), seconds));
            }
        } finally {
            copies.forEach(DeviceMemory::close);
        }
    }

    /** From floats on the host to packed codes on the host, both copies included. */
    private List<Map<String, Object>> quantize() {
        int[] shape = sizes.shapes().getFirst();
        FloatMatrix weights = Samples.normal(shape[0], shape[1], 3);
        DeviceQuantizer quantizer = new DeviceQuantizer(device.library());
        List<Map<String, Object>> rows = new ArrayList<>();
        for (int bits = 2; bits <= 4; bits++) {
            BlockFormat format = (BlockFormat) MatrixFormats.parse("nf" + bits + "-g64-s8x256-bf16");
            double[] series = new double[SERIES];
            for (int s = -1; s < SERIES; s++) {
                long start = System.nanoTime();
                quantizer.block(weights, format, NormalFloat.of(bits));
                if (s >= 0) {
                    series[s] = (System.nanoTime() - start) / GIGA;
                }
            }
            double seconds = median(series);
            rows.add(row(
                    "format",
                    format.id(),
                    "rows",
                    shape[0],
                    "columns",
                    shape[1],
                    "seconds",
                    seconds,
                    "weightsPerSecond",
                    weights.size() / seconds));
        }
        return rows;
    }

    private List<Map<String, Object>> gram() {
        int n = sizes.gramInputs();
        int tokens = sizes.gramTokens();
        try (DeviceMemory x = cuda.allocate((long) n * tokens * Float.BYTES);
                GramOnDevice gram = new GramOnDevice(device.library(), n)) {
            x.write(Samples.normal(tokens, n, 4).segment());
            double seconds = seconds(i -> gram.accumulate(x, tokens));
            // One half of a symmetric matrix.
            double operations = (double) n * (n + 1) * tokens;
            return List.of(row(
                    "inputs",
                    n,
                    "tokens",
                    tokens,
                    "seconds",
                    seconds,
                    "tokensPerSecond",
                    tokens / seconds,
                    "doubleGFLOPS",
                    operations / seconds / GIGA));
        }
    }

    private interface Launch {
        void run(int index);
    }

    /** Of the device for one launch: the median of series that each take long enough for the clock. */
    private double seconds(Launch launch) {
        try (Event start = cuda.event();
                Event end = cuda.event()) {
            int count = 1;
            double milliseconds = series(launch, count, start, end);
            while (milliseconds < sizes.milliseconds() && count < MOST_LAUNCHES) {
                double wanted = count * 1.2 * sizes.milliseconds() / Math.max(milliseconds, 1e-3);
                count = (int) Math.clamp(wanted, count + 1, MOST_LAUNCHES);
                milliseconds = series(launch, count, start, end);
            }
            double[] series = new double[SERIES];
            for (int s = 0; s < SERIES; s++) {
                series[s] = series(launch, count, start, end) / 1e3 / count;
            }
            return median(series);
        }
    }

    private static double series(Launch launch, int count, Event start, Event end) {
        start.record();
        for (int i = 0; i < count; i++) {
            launch.run(i);
        }
        end.record();
        end.synchronize();
        return end.millisecondsSince(start);
    }

    private static double median(double[] values) {
        double[] sorted = values.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static Map<String, Object> row(Object... namesAndValues) {
        Map<String, Object> row = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            row.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return row;
    }
}
