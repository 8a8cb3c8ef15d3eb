package dev.keyway;

import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/** The delays before new streams, which double until an event is received. */
final class ReopenDelays {
    private static final Duration FIRST = Duration.ofMillis(100);
    private static final Duration LONGEST = Duration.ofSeconds(10);

    private Duration next = FIRST;

    void reset() {
        next = FIRST;
    }

    /**
     * Returns a delay.
     *
     * @param atLeast the delay that the gateway demands
     */
    Duration next(Duration atLeast) {
        Duration own = times(next, ThreadLocalRandom.current().nextDouble(0.5, 1));
        Duration doubled = next.multipliedBy(2);
        next = doubled.compareTo(LONGEST) < 0 ? doubled : LONGEST;
        return atLeast.compareTo(own) > 0 ? times(atLeast, ThreadLocalRandom.current().nextDouble(1, 1.2)) : own;
    }

    private static Duration times(Duration duration, double factor) {
        return Duration.ofNanos(Math.round(duration.toNanos() * factor));
    }
}
