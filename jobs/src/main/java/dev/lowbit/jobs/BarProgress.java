package dev.lowbit.jobs;

import java.io.PrintStream;
import java.time.Duration;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** Progress on a terminal: one moving bar with rate and time left. */
final class BarProgress implements ProgressListener {
    /** Fixed, because asking the terminal would load a native library for one number. */
    private static final int WIDTH = 100;

    private final PrintStream err;

    BarProgress(PrintStream err) {
        this.err = err;
    }

    @Override
    public Stage stage(String name, long total, String unit) {
        ProgressBar bar = new ProgressBarBuilder()
                .setTaskName(name)
                .setInitialMax(total)
                .setUnit(" " + unit, 1)
                .showSpeed()
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis((int) Duration.ofMillis(250).toMillis())
                .setConsumer(new ConsoleProgressBarConsumer(err, WIDTH))
                .build();
        return new Stage() {
            @Override
            public void advance(long amount) {
                bar.stepBy(amount);
            }

            @Override
            public void close() {
                // the bar waits for its last line, and an interrupt would end that wait: the next line would mix with
                // it
                boolean interrupted = Thread.interrupted();
                bar.close();
                if (interrupted) {
                    Thread.currentThread().interrupt();
                }
            }
        };
    }

    @Override
    public void note(String line) {
        err.println(line);
    }
}
