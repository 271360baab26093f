package dev.lowbit.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Set;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Every task once, all done on return, by several threads, whatever tasks do. */
@Timeout(60)
class WorkersTest {
    private final ExecutorService executor = Executors.newFixedThreadPool(3);
    private final Workers workers = Workers.on(executor, 4);

    @AfterEach
    void close() {
        executor.shutdownNow();
    }

    @Test
    void runsEachTaskOnce() {
        for (int round = 0; round < 3000; round++) {
            int tasks = round % 37;
            AtomicIntegerArray runs = new AtomicIntegerArray(tasks + 1);
            workers.forEach(tasks, runs::incrementAndGet);
            for (int i = 0; i < tasks; i++) {
                assertThat(runs.get(i)).isEqualTo(1);
            }
            assertThat(runs.get(tasks)).isZero();
        }
    }

    /** Each task waits for another thread's, so that fewer than four threads would never end. */
    @Test
    void runsAsManyTasksAtOnceAsItSays() {
        for (int round = 0; round < 20; round++) {
            CountDownLatch all = new CountDownLatch(4);
            workers.forEach(4, task -> {
                all.countDown();
                await(all);
            });
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void findsThreadsAgainAfterTheyWentBack() throws InterruptedException {
        Set<Thread> threads = ConcurrentHashMap.newKeySet();
        for (int round = 0; round < 3; round++) {
            CountDownLatch all = new CountDownLatch(4);
            workers.forEach(4, task -> {
                threads.add(Thread.currentThread());
                all.countDown();
                await(all);
            });
            // longer than threads look for more work; what is asserted holds either way
            Thread.sleep(20);
        }
        assertThat(threads).hasSize(4).contains(Thread.currentThread());
    }

    @Test
    void rethrowsAFailureWhenNoTaskRunsAnyMore() {
        for (int bad = 0; bad < 8; bad++) {
            int failing = bad;
            AtomicInteger running = new AtomicInteger();
            assertThatThrownBy(() -> workers.forEach(8, task -> {
                        running.incrementAndGet();
                        try {
                            if (task == failing) {
                                throw new IllegalStateException("task " + task);
                            }
                            Thread.onSpinWait();
                        } finally {
                            running.decrementAndGet();
                        }
                    }))
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessage("task " + failing);
            assertThat(running).hasValue(0);
        }
        runsEachTaskOnce();
    }

    @Test
    void tasksMayUseTheSameWorkers() {
        AtomicInteger count = new AtomicInteger();
        workers.forEach(5, outer -> workers.forEach(7, inner -> count.incrementAndGet()));
        assertThat(count).hasValue(35);
    }

    @Test
    void severalCallersMayShareThem() throws Exception {
        AtomicInteger count = new AtomicInteger();
        try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
            for (int caller = 0; caller < 4; caller++) {
                callers.submit(() -> {
                    for (int round = 0; round < 500; round++) {
                        workers.forEach(9, task -> count.incrementAndGet());
                    }
                });
            }
        }
        assertThat(count).hasValue(4 * 500 * 9);
    }

    @Test
    void aClosedExecutorLeavesTheWorkToTheCaller() {
        executor.shutdownNow();
        Set<Thread> threads = ConcurrentHashMap.newKeySet();
        workers.forEach(9, task -> threads.add(Thread.currentThread()));
        assertThat(threads).containsExactly(Thread.currentThread());
    }

    /** Whether threads cannot be started or the executor is at fault: the caller does the work, and asks again the next time. */
    @Test
    void anExecutorThatFailsLeavesTheWorkToTheCallerUntilItDoesNot() {
        List<Throwable> failures =
                List.of(new OutOfMemoryError("unable to create native thread"), new IllegalStateException("not now"));
        for (Throwable failure : failures) {
            FailingExecutor failing = new FailingExecutor(failure);
            Workers some = Workers.on(failing, 4);
            AtomicInteger count = new AtomicInteger();
            for (int round = 0; round < 8; round++) {
                some.forEach(5, task -> count.incrementAndGet());
            }
            assertThat(count).hasValue(40);
            assertThat(failing.asked).hasValue(8);
        }
    }

    @Test
    void otherErrorsOfAnExecutorAreThrown() {
        FailingExecutor failing = new FailingExecutor(new LinkageError("broken"));
        Workers some = Workers.on(failing, 4);
        for (int round = 1; round < 8; round++) {
            assertThatThrownBy(() -> some.forEach(5, task -> {})).isInstanceOf(LinkageError.class);
            assertThat(failing.asked).hasValue(round);
        }
    }

    private static final class FailingExecutor extends AbstractExecutorService {
        private final Throwable failure;
        private final AtomicInteger asked = new AtomicInteger();

        FailingExecutor(Throwable failure) {
            this.failure = failure;
        }

        @Override
        public void execute(Runnable command) {
            asked.incrementAndGet();
            if (failure instanceof Error e) {
                throw e;
            }
            throw (RuntimeException) failure;
        }

        @Override
        public void shutdown() {}

        @Override
        public List<Runnable> shutdownNow() {
            return List.of();
        }

        @Override
        public boolean isShutdown() {
            return false;
        }

        @Override
        public boolean isTerminated() {
            return false;
        }

        @Override
        public boolean awaitTermination(long timeout, TimeUnit unit) {
            return true;
        }
    }

    @Test
    void keepsAnInterruptForTheCaller() {
        Thread.currentThread().interrupt();
        runsEachTaskOnce();
        assertThat(Thread.interrupted()).isTrue();
    }
}
