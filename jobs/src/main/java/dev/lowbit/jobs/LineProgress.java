package dev.lowbit.jobs;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Progress in a log file or a pipe: a line when a stage begins and ends, and at most one every ten seconds between, with
 * rate and time left. Time is the monotonic clock, so setting the system's clock back changes nothing.
 */
final class LineProgress implements ProgressListener {
    private static final long INTERVAL_NANOS = 10_000_000_000L;

    private final PrintStream err;
    private final LongSupplier nanoTime;

    LineProgress(PrintStream err) {
        this(err, System::nanoTime);
    }

    LineProgress(PrintStream err, LongSupplier nanoTime) {
        this.err = err;
        this.nanoTime = nanoTime;
    }

    @Override
    public Stage stage(String name, long total, String unit) {
        err.println(name + ": " + Quantity.count(total) + " " + unit);
        return new LineStage(name, total, unit);
    }

    @Override
    public void note(String line) {
        err.println(line);
    }

    private final class LineStage implements Stage {
        private final String name;
        private final long total;
        private final String unit;
        private final long start = nanoTime.getAsLong();
        private long lastLine = start;
        private long done;

        LineStage(String name, long total, String unit) {
            this.name = name;
            this.total = total;
            this.unit = unit;
        }

        @Override
        public synchronized void advance(long amount) {
            done += amount;
            long now = nanoTime.getAsLong();
            if (now - lastLine >= INTERVAL_NANOS && done < total) {
                lastLine = now;
                double seconds = (now - start) / 1e9;
                double left = done == 0 ? Double.NaN : seconds * (total - done) / done;
                err.println(String.format(
                        Locale.ROOT,
                        "%s: %d %%, %s of %s %s, %s %s/s, %s left",
                        name,
                        done * 100 / total,
                        Quantity.count(done),
                        Quantity.count(total),
                        unit,
                        Quantity.count((long) (done / seconds)),
                        unit,
                        Quantity.duration(left)));
            }
        }

        @Override
        public synchronized void close() {
            double seconds = (nanoTime.getAsLong() - start) / 1e9;
            String end = done >= total ? "done" : "stopped at " + Quantity.count(done) + " of " + Quantity.count(total);
            err.println(name + ": " + end + " in " + Quantity.duration(seconds));
        }
    }
}
