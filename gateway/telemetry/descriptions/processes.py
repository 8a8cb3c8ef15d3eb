"""Instruments of the processes of the gateway."""

from typing import Final

from gateway.telemetry import conventions as names
from gateway.telemetry.instruments import Description, Label

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
    "log event `worker_died` names the exit code or signal. SIGKILL after the log event `worker_hangs` means that "
    "the event loop stopped; otherwise, it usually means that the memory limit is too low.",
)

BUILD_INFO: Final = Description(
    "keyway.build.info",
    "gauge",
    "1",
    "Version of the gateway, as labels. The value is always 1.",
    (
        Label(names.SERVICE_VERSION, "version of the gateway"),
        Label(names.PROCESS_RUNTIME_VERSION, "version of Python"),
    ),
    "During an upgrade, compare the versions of the gateways.",
)
MEMORY_USAGE: Final = Description(
    names.PROCESS_MEMORY_USAGE,
    "level",
    "By",
    "Resident memory of the process.",
    (),
    "Compare with the memory limit of the container, which the whole gateway shares: all workers, the supervisor "
    "(which has no label `worker`), and the processes of the journal. See "
    "[Protect the listener](operations.md#protect-the-listener) for limits.",
)
CPU_TIME: Final = Description(
    names.PROCESS_CPU_TIME,
    "counter",
    "s",
    "CPU time of the process, without its child processes.",
    (Label(names.CPU_MODE, "`user` or `system`"),),
    "A worker uses one CPU for calls. If the rate of a worker, summed over the modes, stays above 0.8, add workers or "
    "gateways. The supervisor, which has no label `worker`, needs little CPU time.",
)
OPEN_FILES: Final = Description(
    names.PROCESS_UNIX_FILE_DESCRIPTOR_COUNT,
    "level",
    "{file_descriptor}",
    "Open files of the process, including sockets and pipes.",
    (),
    "Alert on more than 80 % of `keyway.process.file_descriptor.limit`. At the limit, the gateway accepts no "
    "connections.",
)
OPEN_FILES_LIMIT: Final = Description(
    "keyway.process.file_descriptor.limit",
    "gauge",
    "{file_descriptor}",
    "Maximum number of open files of the process. Absent if it is unlimited.",
    (),
    "The gateway raises its soft limit to the hard limit. To allow more, raise the hard limit of the service or "
    "the container.",
)
EVENT_LOOP_LAG: Final = Description(
    "keyway.event_loop.lag",
    "gauge",
    "s",
    "Maximum delay of the event loop during the last minute.",
    (),
    "All calls of a process wait for its event loop. A few hundredths of a second are normal. If the value stays "
    "above 0.5, the process has too little CPU time: check the CPU limit of the container, `process.cpu.time`, and "
    "other programs on the machine.",
)

PROCESS: Final = (BUILD_INFO, MEMORY_USAGE, CPU_TIME, OPEN_FILES, OPEN_FILES_LIMIT, EVENT_LOOP_LAG)
_SOURCE: Final = Label(
    names.KEYWAY_RELOAD_SOURCE,
    "`configuration`: the configuration file; `policy`: the files of `policy`; `tls`: the certificate, key, and "
    "trust bundle of `identity`; `jwks`: the key set of `identity.jwt`",
)
RELOAD_AGE: Final = Description(
    "keyway.reload.age",
    "gauge",
    "s",
    "Time since files, or the key set at a URL, were last loaded successfully.",
    (_SOURCE,),
    "After you change a file, check that the value starts again at 0. TLS files are read when the next connection "
    "arrives, and the file of a key set when the next token arrives; `jwks_url` is fetched every "
    "`jwks_maximum_age` seconds. With one worker, the configuration is loaded only at the start. With several "
    "workers, `configuration` is only on the Prometheus page, without the label `worker`.",
)
RELOAD_FAILED: Final = Description(
    "keyway.reload.failed",
    "gauge",
    "1",
    "1 if the last reload failed, so that the content of the last successful load is still in use; otherwise 0.",
    (_SOURCE,),
    "Alert on 1. A log event names the problem: `reload_rejected` for `configuration`, `policy_reload_failed` for "
    "`policy`, `tls_files_rejected` for `tls`, and `jwks_file_rejected` or `jwks_fetch_failed` for `jwks`. Correct "
    "the file, or the connection to `jwks_url`. For `configuration`, also send `SIGHUP` again.",
)
SERVER_CERTIFICATE_EXPIRY: Final = Description(
    "keyway.server.certificate.expiry.days",
    "gauge",
    "d",
    "Days until the gateway's own TLS certificate expires.",
    (),
    "Absent without `identity`. Replace `identity.certificate_file` and `identity.private_key_file` before the "
    "value reaches 0: then clients reject the gateway. New connections use the new files; no restart is needed.",
)

RELOADS: Final = (RELOAD_AGE, RELOAD_FAILED, SERVER_CERTIFICATE_EXPIRY)
WORKERS: Final = (WORKERS_AVAILABLE, WORKERS_REPLACED)
