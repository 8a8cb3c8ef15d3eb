"""Instruments of the processes of the gateway."""

from typing import Final

from gateway.telemetry.instruments import Description

WORKERS_AVAILABLE: Final = Description(
    "keyway.workers.available",
    "gauge",
    "{worker}",
    "Workers that accept calls.",
    (),
    "Only on the Prometheus page, with several workers. Alert if the value is less than `workers` for a minute. "
    "The log event `worker_died` or `worker_not_replaced` names the cause.",
)
WORKERS_REPLACED: Final = Description(
    "keyway.workers.replaced",
    "counter",
    "{worker}",
    "Workers that died and were replaced, since the start.",
    (),
    "Only on the Prometheus page, with several workers. Alert on any increase: a worker crashed or was killed. The "
    "log event `worker_died` names the exit code or signal. SIGKILL usually means that the memory limit is too low.",
)

WORKERS: Final = (WORKERS_AVAILABLE, WORKERS_REPLACED)
